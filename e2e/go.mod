module krmfn.dev/harbor/e2e

go 1.26.0

require (
	github.com/google/go-cmp v0.7.0
	go.yaml.in/yaml/v3 v3.0.5
)

require github.com/docker/libtrust v0.0.0-20160708172513-aabc10ec26b7
