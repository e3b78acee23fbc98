package golden

import (
	"os"
	"slices"
	"strings"
	"testing"
)

// AsProgram is set in the environment of processes that tests start.
const AsProgram = "KRMFN_TEST_AS_PROGRAM"

// Main is for TestMain: it runs the tests, and makes the test binary the program
// in processes that they start. go test -fuzz starts it too, as a test.
func Main(m *testing.M, program func() (exit int)) {
	test := slices.ContainsFunc(os.Args[1:], func(arg string) bool { return strings.HasPrefix(arg, "-test.") })
	if os.Getenv(AsProgram) != "" && !test {
		os.Exit(program())
	}
	if err := os.Setenv(AsProgram, "1"); err != nil {
		panic(err)
	}
	os.Exit(m.Run())
}
