package krm

import (
	"regexp"
	"strings"
	"unicode"

	"sigs.k8s.io/kustomize/kyaml/fn/framework"
)

// hidden replaces user and password in a message.
const hidden = "***"

var (
	inQuotes = regexp.MustCompile(`"(?:[^"\\]|\\.)*"`)
	word     = regexp.MustCompile(`\S+`)
	// digest is what follows the @ of an image's name.
	digest = regexp.MustCompile(`^[a-z0-9]+(?:[+._-][a-z0-9]+)*:[0-9a-fA-F]{32}`)
)

// WithoutUserinfo hides in a message user and password of everything that looks
// like scheme://user:password@host or user:password@host. In double quotes the
// password may hold spaces.
func WithoutUserinfo(message string) string {
	if !strings.Contains(message, "@") {
		return message
	}
	var b strings.Builder
	end := 0
	for _, at := range inQuotes.FindAllStringIndex(message, -1) {
		b.WriteString(word.ReplaceAllStringFunc(message[end:at[0]], hideUserinfo))
		b.WriteString(`"` + hideUserinfo(message[at[0]+1:at[1]-1]) + `"`)
		end = at[1]
	}
	b.WriteString(word.ReplaceAllStringFunc(message[end:], hideUserinfo))
	return b.String()
}

// hideUserinfo hides all from the user to the last @: a password that should be
// percent-encoded and is not may hold an @, a slash and a colon too.
func hideUserinfo(s string) string {
	at := lastAt(s)
	if at < 0 {
		return s
	}
	if scheme := strings.Index(s[:at], "://"); scheme >= 0 {
		start := scheme + len("://")
		if user := s[start:at]; strings.Contains(user, ":") || !strings.Contains(user, "/") {
			return s[:start] + hidden + s[at:]
		}
		return s
	}
	for colon := range at {
		if s[colon] == ':' && !unicode.IsSpace(rune(s[colon+1])) {
			start := 1 + strings.LastIndexAny(s[:colon], " \t=,;('\"[{")
			return s[:start] + hidden + s[at:]
		}
	}
	return s
}

// lastAt is where the last @ is that does not begin the digest of an image.
func lastAt(s string) int {
	for end := len(s); ; {
		at := strings.LastIndexByte(s[:end], '@')
		if at < 0 || !digest.MatchString(s[at+1:]) {
			return at
		}
		end = at
	}
}

// hideIn hides userinfo in all that a finding shows.
func hideIn(r *framework.Result) {
	r.Message = WithoutUserinfo(r.Message)
	if r.Field != nil {
		field := *r.Field
		field.CurrentValue, field.ProposedValue = hideInValue(field.CurrentValue), hideInValue(field.ProposedValue)
		r.Field = &field
	}
}

func hideInValue(value any) any {
	switch v := value.(type) {
	case string:
		lines := strings.Split(v, "\n")
		for i := range lines {
			lines[i] = hideUserinfo(lines[i])
		}
		return strings.Join(lines, "\n")
	case []any:
		all := make([]any, len(v))
		for i := range v {
			all[i] = hideInValue(v[i])
		}
		return all
	case map[string]any:
		all := map[string]any{}
		for key := range v {
			all[key] = hideInValue(v[key])
		}
		return all
	case map[any]any:
		all := map[any]any{}
		for key := range v {
			all[key] = hideInValue(v[key])
		}
		return all
	}
	return value
}
