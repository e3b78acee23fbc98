// Package secrets makes and checks the Secrets that Harbor needs: random
// values, passwords and the key that signs tokens. What is there already is
// kept, only what is missing is made.
//
// It reads no files and no environment. Randomness and clock are given to it.
// Neither errors nor findings hold a value of a Secret.
package secrets

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"sigs.k8s.io/kustomize/kyaml/fn/framework"

	"krmfn.dev/harbor/internal/harbor"
	"krmfn.dev/harbor/internal/krm"
)

// Secret is a Kubernetes Secret.
type Secret struct {
	Name, Namespace string
	// Type is Opaque when it is empty.
	Type string
	Data map[string]string

	faults map[string]string // by key: why a value could not be read
}

func (s Secret) has(key string) bool {
	_, readable := s.Data[key]
	_, broken := s.faults[key]
	return readable || broken
}

// Names of the Secrets whose names cannot be chosen.
const (
	Database     = "harbor-database"
	Redis        = "harbor-redis"
	CephFSInTree = "ceph-secret"
)

// Names is what the Secrets are called and where they are.
type Names struct {
	// Generation of Harbor, harbor.V1 when it is zero.
	Generation harbor.Generation
	// Harbor is the Secret of Harbor's own values.
	Harbor string
	// Database and Redis are where the passwords are: Secret harbor-database and
	// harbor-redis, key password, where nothing is said.
	Database, Redis harbor.SecretKey
	// RedisURLKey is the key of the password of Redis as a URL wants it, made when it
	// is named. NoRedis says that Redis has no password.
	RedisURLKey string
	NoRedis     bool
	// RegistryUser is who REGISTRY_HTPASSWD of 2.x is for, harbor.RegistryUser when it
	// is empty.
	RegistryUser string
	// Namespace of all Secrets but CephFS. When it is empty, it is the one of
	// the Secrets that are there, or else none.
	Namespace string
	// CephFS is the Secret that the ceph-csi driver reads.
	CephFS, CephFSNamespace string
}

// Validate checks that the names can be names and differ.
func (n Names) Validate() error {
	errs := []error{
		krm.CheckName("--name", n.Harbor),
		krm.CheckName("--cephfs-secret", n.CephFS),
		krm.CheckLabel("--cephfs-namespace", n.CephFSNamespace),
	}
	if n.Namespace != "" {
		errs = append(errs, krm.CheckLabel("--namespace", n.Namespace))
	}
	names := n.all()
	for i, name := range names {
		if slices.Contains(names[:i], name) {
			errs = append(errs, fmt.Errorf("two Secrets are called %s", name))
		}
	}
	return errors.Join(errs...)
}

func (n Names) all() []string {
	var names []string
	for _, s := range n.specs() {
		names = append(names, s.name)
	}
	return names
}

// Value is a value that the user gives.
type Value struct {
	Secret, Key, Text string
	// Source tells the user where it comes from.
	Source string
}

// Finding is something to say about a Secret, or about a key of it.
type Finding struct {
	Severity             framework.Severity
	Secret, Key, Message string
}

func (f Finding) String() string {
	where := ""
	if f.Secret != "" {
		where = "Secret " + f.Secret
	}
	if f.Key != "" {
		where += " " + f.Key
	}
	if where != "" {
		where += ": "
	}
	return fmt.Sprintf("%s: %s%s", f.Severity, where, f.Message)
}

// Findings is all there is to say.
type Findings []Finding

// Failed says whether there is an error.
func (f Findings) Failed() bool {
	return slices.ContainsFunc(f, func(f Finding) bool { return f.Severity == framework.Error })
}

func (f *Findings) add(severity framework.Severity, secret, key, format string, args ...any) {
	*f = append(*f, Finding{severity, secret, key, fmt.Sprintf(format, args...)})
}

// Existing is what a running Harbor reads already.
type Existing struct {
	// Generation of that Harbor, 0 when nothing shows it.
	Generation harbor.Generation
	Secrets    []Secret
	Values     []Value // that its pods read, from wherever
	Running    Running
}

// Known says whether there is anything that Make keeps.
func (e Existing) Known(n Names) bool {
	return e.Running.Shown != "" || slices.ContainsFunc(e.Secrets, n.known)
}

func (n Names) known(s Secret) bool {
	return slices.ContainsFunc(n.specs(), func(spec spec) bool { return spec.is(s) })
}

// Request is what Make works from.
type Request struct {
	Names    Names
	Existing Existing
	Given    []Value
	// IfMade are findings about keys, reported for those that have to be made,
	// and such as are about no key, always reported.
	IfMade Findings
}

// Maker makes what is missing.
type Maker struct {
	Random io.Reader
	Now    func() time.Time
	// KeyBits is the size of a new key.
	KeyBits int
}

// Make returns Harbor's Secrets in a fixed order: those of the request with
// what they lack. Values that are there stay as they are, except that a key for
// tokens is converted to PKCS#1. There are no Secrets when a finding is an
// error: a value cannot work, two values are given for one key, or one is
// missing that cannot be made. The error is for randomness that fails.
func (m Maker) Make(r Request) ([]Secret, Findings, error) {
	var found Findings
	r.Names.Namespace = r.namespace(&found)
	r.tellIgnored(&found)
	if found.Failed() {
		return nil, found, nil
	}
	for _, f := range r.IfMade {
		if f.Key == "" {
			found = append(found, f)
		}
	}
	var made []Secret
	for _, spec := range r.Names.specs() {
		s := r.collect(spec, &found)
		if spec.optional && len(s.Data)+len(s.faults) == 0 {
			continue
		}
		if spec.tokens {
			r.keepUnfilled(s, &found)
		}
		if spec.tokens && r.lacksKey(s, &found) {
			continue
		}
		keys, err := m.complete(spec, s)
		if err != nil {
			return nil, nil, fmt.Errorf("making Secret %s: %w", s.Name, err)
		}
		r.tell(s.Name, keys, &found)
		found = append(found, spec.check(s, m.Now())...)
		made = append(made, s)
	}
	made = append(made, r.Existing.Running.TLS...)
	if found.Failed() {
		// Nothing is made or converted.
		return nil, slices.DeleteFunc(found, func(f Finding) bool { return f.Severity == framework.Info }), nil
	}
	return made, found, nil
}

// keepUnfilled keeps a placeholder that can be the key: a Harbor starts with it, and
// has encrypted with it then.
func (r Request) keepUnfilled(s Secret, found *Findings) {
	secretKey := r.Names.Key(harbor.AESKey)
	v, ok := r.Existing.Running.unfilled[s.Name+"/"+secretKey]
	if !ok || s.has(secretKey) || len(v.Text) != harbor.SecretKeySize {
		return
	}
	s.Data[secretKey] = v.Text
	found.add(framework.Warning, s.Name, secretKey, "is a placeholder in %s, and kept: a Harbor that ran with it has encrypted with it. Leave --from out for a Harbor that never ran", v.Source)
}

// lacksKey says whether a Harbor runs and the key that it encrypted with is not
// here. With a new one it could no longer decrypt what it has stored.
func (r Request) lacksKey(s Secret, found *Findings) bool {
	secretKey := r.Names.Key(harbor.AESKey)
	if r.Existing.Running.Shown == "" || s.has(secretKey) {
		return false
	}
	lacks := r.Existing.Running.Lacks[s.Name+"/"+secretKey]
	if lacks == "" {
		lacks = "the ConfigMaps, Secrets and workloads of that Harbor (kubectl get rc,deployment,statefulset,configmap,secret -o yaml)"
	}
	found.add(framework.Error, s.Name, secretKey,
		"is missing, and a Harbor that runs is there (%s): with a new key it cannot decrypt what it has stored. Give %s too",
		r.Existing.Running.Shown, lacks)
	return true
}

// namespace is the one asked for, or the one of the Secrets that are there.
func (r Request) namespace(found *Findings) string {
	namespace := r.Names.Namespace
	if namespace != "" {
		return namespace
	}
	for _, spec := range r.Names.specs() {
		for _, s := range r.Existing.Secrets {
			if spec.namespace != "" || s.Name != spec.name || s.Namespace == "" {
				continue
			}
			if namespace != "" && s.Namespace != namespace {
				found.add(framework.Error, "", "", "the existing Secrets are in namespaces %s and %s: choose one with --namespace",
					namespace, s.Namespace)
			}
			namespace = s.Namespace
		}
	}
	if namespace == "" {
		namespace = r.Existing.Running.Namespace
	}
	return namespace
}

// is says whether s is the Secret that the spec is about.
func (spec spec) is(s Secret) bool {
	return s.Name == spec.name && (s.Namespace == "" || spec.namespace == "" || s.Namespace == spec.namespace)
}

// collect joins what is known of a Secret.
func (r Request) collect(spec spec, found *Findings) Secret {
	s := Secret{Name: spec.name, Namespace: spec.namespace, Data: map[string]string{}}
	sources := map[string]string{}
	twice := false
	for _, existing := range r.Existing.Secrets {
		if !spec.is(existing) {
			continue
		}
		if twice {
			found.add(framework.Error, s.Name, "", "appears twice")
			continue
		}
		twice = true
		s.Type, s.faults = existing.Type, existing.faults
		for k, v := range existing.Data {
			s.Data[k], sources[k] = spec.pkcs1(k, v, s.Name, found), "the existing Secret"
		}
	}
	for _, given := range slices.Concat(r.Existing.Values, r.Given) {
		if given.Secret != s.Name {
			continue
		}
		text := spec.pkcs1(given.Key, given.Text, s.Name, found)
		if source, ok := sources[given.Key]; ok && s.Data[given.Key] != text {
			found.add(framework.Error, s.Name, given.Key, "%s and %s give different values: leave one of them out", source, given.Source)
			continue
		}
		s.Data[given.Key], sources[given.Key] = text, given.Source
	}
	return s
}

// complete makes what is missing, and returns the keys.
func (m Maker) complete(spec spec, s Secret) (made []string, err error) {
	for _, k := range spec.keys {
		if k.random == nil || s.has(k.name) {
			continue
		}
		if s.Data[k.name], err = k.random(m.Random); err != nil {
			return nil, err
		}
		if s.Data[k.name] != "" {
			made = append(made, k.name)
		}
	}
	for _, k := range spec.keys {
		if of := s.Data[k.of]; k.derive != nil && !s.has(k.name) && of != "" && (!k.optional || k.differs("", of) != "") {
			if s.Data[k.name], err = k.derive(of); err != nil {
				return nil, err
			}
			made = append(made, k.name)
		}
	}
	if !spec.tokens {
		return made, nil
	}
	tokenKey, tokenCert := spec.forms(harbor.TokenKey), spec.forms(harbor.TokenCert)
	if s.has(tokenCert) {
		return made, nil
	}
	if !s.has(tokenKey) {
		if s.Data[tokenKey], err = m.newKey(); err != nil {
			return nil, err
		}
		made = append(made, tokenKey)
	}
	key, err := harbor.ParseTokenKey(s.Data[tokenKey])
	if err != nil {
		return made, nil //nolint:nilerr // the check tells
	}
	s.Data[tokenCert], err = m.newCert(key)
	return append(made, tokenCert), err
}

// tell says which keys were made, unless all of Harbor is new.
func (r Request) tell(secret string, made []string, found *Findings) {
	for _, f := range r.IfMade {
		if f.Secret == secret && f.Key != "" && slices.Contains(made, f.Key) {
			*found = append(*found, f)
		}
	}
	if len(r.Existing.Secrets)+len(r.Existing.Values)+len(r.Existing.Running.unfilled) == 0 {
		return
	}
	for _, k := range made {
		if inUse := r.Existing.Running.Lacks[secret+"/"+k]; inUse != "" {
			found.add(framework.Warning, secret, k, "a new one is made, which is not the one in use: give %s too", inUse)
			continue
		}
		if v, ok := r.Existing.Running.unfilled[secret+"/"+k]; ok {
			found.add(framework.Warning, secret, k, "is a placeholder in %s, so a new one is made", v.Source)
			continue
		}
		found.add(framework.Info, secret, k, "is missing, so a new one is made")
	}
}

// tellIgnored tells which Secrets Make has not looked at. To find one of Harbor's
// in another namespace only is an error: it would get new values.
func (r Request) tellIgnored(found *Findings) {
	for _, s := range r.Existing.Secrets {
		isTLS := slices.ContainsFunc(r.Existing.Running.TLS, func(t Secret) bool { return t.Name == s.Name && t.Namespace == s.Namespace })
		if r.Names.known(s) || isTLS || slices.Contains(r.Existing.Running.secrets, s.Name) {
			continue
		}
		severity, why := framework.Warning, "it is none of "+strings.Join(r.Names.all(), ", ")
		for _, spec := range r.Names.specs() {
			if s.Name != spec.name {
				continue
			}
			why = fmt.Sprintf("it is in namespace %s, not in %s", s.Namespace, spec.namespace)
			if !slices.ContainsFunc(r.Existing.Secrets, spec.is) {
				severity = framework.Error
			}
		}
		found.add(severity, s.Name, "", "is ignored: %s", why)
	}
}

// Check says what is wrong with the Secrets, in whatever namespace they are, and
// returns the names of those it knows. One that is missing altogether is not
// reported, a key that is missing from one is.
func Check(n Names, all []Secret, now time.Time) (checked []string, found Findings) {
	specs := n.specs()
	for _, s := range all {
		i := slices.IndexFunc(specs, func(spec spec) bool { return spec.name == s.Name })
		if i < 0 {
			found.add(framework.Warning, s.Name, "", "is not checked: it is not one of %s", strings.Join(n.all(), ", "))
			continue
		}
		checked = append(checked, s.Name)
		found = append(found, specs[i].check(s, now)...)
	}
	return checked, found
}
