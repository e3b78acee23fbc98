package harbor

import (
	"regexp"
	"strings"
)

// placeholders stand for values that have to be filled in.
var placeholder = regexp.MustCompile(`CHANGE-ME-PLEASE|\{\{.*\}\}`)

// Placeholder says whether a value holds something that has to be filled in:
// our base's CHANGE-ME-PLEASE, or {{name}} of upstream's templates.
func Placeholder(value string) bool {
	return !strings.Contains(value, "\n") && placeholder.MatchString(value)
}
