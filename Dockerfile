# The image of krmfn: one static binary and nothing else. Builds with BuildKit
# and with Docker's classic builder, so it uses nothing that only one of them
# has.
FROM golang:1.26-bookworm AS build
WORKDIR /src
# A layer of its own: an edit of the source does not download the modules again.
COPY go.mod go.sum ./
RUN go mod download
COPY . .
ARG VERSION=dev
# BuildKit sets these two. They are empty in the classic builder, and Go takes
# that as its own platform.
ARG TARGETOS TARGETARCH
# nethttpomithttp2 leaves HTTP/2 out: only remote bases use HTTP at all, and
# HTTP/1.1 serves them.
RUN CGO_ENABLED=0 GOOS=$TARGETOS GOARCH=$TARGETARCH go build -trimpath -buildvcs=false \
    -tags nethttpomithttp2 -ldflags "-s -w -X main.version=$VERSION -X sigs.k8s.io/kustomize/api/provenance.version=v5.8.2" \
    -o /image/krmfn ./cmd/krmfn
# kustomize and kpt run containers with --user nobody: without these two files
# Docker does not know who that is (kpt#1628). Fixed times make the layer of a
# commit the same in every build.
RUN mkdir /image/etc && \
    echo 'nobody:x:65534:65534:nobody:/:/sbin/nologin' > /image/etc/passwd && \
    echo 'nobody:x:65534:' > /image/etc/group && \
    find /image -exec touch -d @0 {} +

FROM scratch
COPY --from=build /image/ /
# A number, so that Kubernetes can tell it is not root (runAsNonRoot).
USER 65534:65534
# No CMD: orchestrators pass no arguments, and the kind of the function config
# chooses the function.
ENTRYPOINT ["/krmfn"]
ARG VERSION=dev
ARG REVISION=
LABEL org.opencontainers.image.title="krmfn" \
      org.opencontainers.image.description="KRM functions that make Harbor on Kubernetes highly available" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="$VERSION" \
      org.opencontainers.image.revision="$REVISION"
