package main

import (
	"bytes"
	"fmt"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"
	"unsafe"
)

// TestDatabasePrompt types the password on a terminal, which must not show it.
func TestDatabasePrompt(t *testing.T) {
	keyboard, terminal := openTerminal(t)
	var out, stderr bytes.Buffer
	exit := make(chan int)
	go func() {
		exit <- run([]string{"database", "--database", "registry", "--user", "harbor"}, streams{terminal, &out, &stderr})
	}()
	for deadline := time.Now().Add(10 * time.Second); echoes(t, keyboard); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("the terminal still shows what is typed")
		}
	}
	fmt.Fprint(keyboard, "secret\n")
	if code := <-exit; code != 0 || stderr.String() != "Password of harbor: \n" || !strings.Contains(out.String(), hashOfSecret) {
		t.Errorf("exit status %d\n%s%s", code, &stderr, &out)
	}
	if !echoes(t, keyboard) {
		t.Error("the terminal does not show what is typed any more")
	}
}

// openTerminal makes a pseudo terminal: what is written to the keyboard is read
// from the terminal.
func openTerminal(t *testing.T) (keyboard, terminal *os.File) {
	t.Helper()
	keyboard, err := os.OpenFile("/dev/ptmx", os.O_RDWR|syscall.O_NOCTTY, 0)
	if err != nil {
		missing(t, "there is no pseudo terminal", err)
	}
	t.Cleanup(func() { keyboard.Close() })
	var number, unlock int32
	ioctl(t, keyboard, syscall.TIOCGPTN, unsafe.Pointer(&number))
	ioctl(t, keyboard, syscall.TIOCSPTLCK, unsafe.Pointer(&unlock))
	terminal, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", number), os.O_RDWR|syscall.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { terminal.Close() })
	return keyboard, terminal
}

// echoes says whether a terminal shows what is typed.
func echoes(t *testing.T, terminal *os.File) bool {
	t.Helper()
	var settings syscall.Termios
	ioctl(t, terminal, syscall.TCGETS, unsafe.Pointer(&settings))
	return settings.Lflag&syscall.ECHO != 0
}

func ioctl(t *testing.T, file *os.File, request uintptr, argument unsafe.Pointer) {
	t.Helper()
	if _, _, errno := syscall.Syscall(syscall.SYS_IOCTL, file.Fd(), request, uintptr(argument)); errno != 0 {
		t.Fatal(errno)
	}
}
