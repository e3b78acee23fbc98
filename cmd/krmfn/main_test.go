package main

import (
	"os"
	"testing"
)

// asProgram is set in the environment of processes that the tests start: the
// test binary then is krmfn. That is how render runs functions here.
const asProgram = "KRMFN_TEST_AS_PROGRAM"

func TestMain(m *testing.M) {
	if os.Getenv(asProgram) != "" {
		main()
	}
	if err := os.Setenv(asProgram, "1"); err != nil {
		panic(err)
	}
	os.Exit(m.Run())
}
