package kube

import (
	"regexp"
	"slices"
	"strings"

	"sigs.k8s.io/kustomize/kyaml/fn/framework"
	"sigs.k8s.io/kustomize/kyaml/yaml"

	"krmfn.dev/harbor/internal/krm"
)

// Callers returns the workloads that refer to the Service by its host name: in a
// variable, a command, an argument, or a file. What is not in the list is not
// seen.
func Callers(list *framework.ResourceList, service *yaml.RNode) []Workload {
	names := namesOf(service)
	holders := holding(list, names)
	near, far := hostPattern(service, names, false), hostPattern(service, names, true)
	return slices.DeleteFunc(Workloads(list), func(w Workload) bool {
		pattern := near
		if w.GetNamespace() != service.GetNamespace() {
			pattern = far
		}
		return !w.says(pattern, names) && !slices.ContainsFunc(holders, func(h holder) bool { return w.reads(h, pattern) })
	})
}

// namesOf returns the present name and the earlier ones.
func namesOf(obj *yaml.RNode) []string {
	_, name, annotations := identity(obj)
	names := []string{name}
	if annotations == nil {
		return names
	}
	return append(names, slices.DeleteFunc(strings.Split(krm.Text(annotations, previousNames), ","), func(n string) bool { return n == "" })...)
}

// hostPattern matches a text that has the Service's name as a host: behind a word
// such as host or URL, behind // or @, with a port or with the namespace, which
// pods of other namespaces need. A name alone says nothing: mysql is a kind of
// database as well.
func hostPattern(service *yaml.RNode, names []string, far bool) *regexp.Regexp {
	quoted := []string{}
	for _, name := range names {
		quoted = append(quoted, regexp.QuoteMeta(name))
	}
	inNamespace := `\.(?:[a-z0-9-]+\.svc[a-z0-9.-]*|default)` // mysql.lan may be any host
	if namespace := service.GetNamespace(); namespace != "" {
		inNamespace = `\.` + regexp.QuoteMeta(namespace) + `(?:\.svc[a-z0-9.-]*)?`
	}
	host := `(?:` + strings.Join(quoted, "|") + `)`
	full := host + `(?:` + inNamespace + `)?`
	if far {
		full = host + inNamespace
	}
	const (
		before = `(?:^|[^A-Za-z0-9_.-])`
		word   = `\w*(?i:host|addr|server|endpoint|ur[il])\w*["']?\s*[:= ]\s*["']?`
		behind = `(?:` + word + `|-h[= ]?|//|[@(])`
		end    = `(?:$|[^A-Za-z0-9_.:-]|:\d)`
	)
	return regexp.MustCompile(`(?m)` + behind + full + end + `|` + before + full + `:\d|` + before + host + inNamespace + end)
}

// holder is a key of a ConfigMap or Secret whose text has the name of a Service
// in it.
type holder struct {
	obj       *yaml.RNode
	key, text string
}

func holding(list *framework.ResourceList, names []string) []holder {
	var all []holder
	for _, kind := range []string{"ConfigMap", "Secret"} {
		for _, obj := range list.Items {
			if !isA(obj, kind) {
				continue
			}
			for _, key := range Keys(obj) {
				v, _ := content(obj, Source{Kind: kind, Key: key, Object: obj})
				if slices.ContainsFunc(names, func(name string) bool { return strings.Contains(v.Text, name) }) {
					all = append(all, holder{obj, key, v.Text})
				}
			}
		}
	}
	return all
}

// says whether the workload's own text names the host: by one of its names alone
// in an argument, which may be a host, by the pattern elsewhere.
func (w Workload) says(pattern *regexp.Regexp, names []string) bool {
	for _, c := range w.Containers() {
		var words []string
		for _, field := range []string{"command", "args"} {
			for _, n := range krm.Elements(c.RNode, c.Path.Append(field)...) {
				words = append(words, n.Value)
			}
		}
		if len(words) > 0 && pattern.MatchString(strings.Join(words, " ")) || flagged(words, names) {
			return true
		}
		for _, n := range krm.Elements(c.RNode, c.Path.Append("env")...) {
			entry := yaml.NewRNode(n)
			if value := krm.Text(entry, "value"); value != "" && pattern.MatchString(krm.Text(entry, "name")+"="+value) {
				return true
			}
		}
	}
	return false
}

// reads says whether the workload reads a text that names the host.
func (w Workload) reads(h holder, pattern *regexp.Regexp) bool {
	found := false
	w.eachReader(h.obj, h.key, func(r Reader) bool {
		found = pattern.MatchString(r.Variable+"="+h.text) || pattern.MatchString(h.key+"="+h.text)
		return !found
	})
	return found
}

// noHost are words in flags whose value is no host: --user=mysql, --type mysql.
var noHost = []string{"user", "type", "driver", "kind", "engine", "dialect", "group", "name"}

// flagged says whether a flag has one of the names as its value, in one word or in
// two: --db=mysql, --db mysql.
func flagged(words, names []string) bool {
	for i, word := range words {
		flag, value, whole := strings.Cut(word, "=")
		if !whole && i > 0 {
			flag, value = words[i-1], word
		}
		isFlag := strings.HasPrefix(flag, "-") && !strings.Contains(flag, "=")
		if isFlag && slices.Contains(names, value) && !slices.ContainsFunc(noHost, func(w string) bool { return strings.Contains(flag, w) }) {
			return true
		}
	}
	return false
}
