package report

import (
	"fmt"
	"path/filepath"
	"strconv"
	"strings"

	"krmfn.dev/harbor/internal/show"
)

// Commands of GitHub Actions end at a line break; their properties also at a
// comma or colon.
var (
	escapeData     = strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A")
	escapeProperty = strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A", ":", "%3A", ",", "%2C")
)

// github writes one workflow command for each finding, which GitHub Actions
// shows beside the line, and the summary for the log.
func github(r Report, style Style) ([]byte, error) {
	var b strings.Builder
	for _, f := range r.shown(style) {
		command := []string{"error", "warning", "notice"}[rank(f.Severity)]
		fmt.Fprintf(&b, "::%s %s::%s\n", command, strings.Join(properties(f), ","), escapeData.Replace(show.Visible(f.sentence())))
	}
	fmt.Fprintln(&b, r.summary(style))
	return []byte(b.String()), nil
}

func properties(f Finding) []string {
	var all []string
	add := func(name, value string) {
		if value != "" {
			all = append(all, name+"="+escapeProperty.Replace(show.Visible(value)))
		}
	}
	add("file", filepath.ToSlash(f.path()))
	if f.Line > 0 {
		add("line", strconv.Itoa(f.Line))
	}
	add("title", strings.TrimSpace(f.rule()+" "+f.object()))
	return all
}

// sentence is field and message.
func (f Finding) sentence() string {
	if f.field() == "" {
		return f.Message
	}
	return f.field() + ": " + f.Message
}
