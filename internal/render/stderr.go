package render

import (
	"io"
	"log"
	"os"
	"sync"

	"krmfn.dev/harbor/internal/show"
)

// redirectStderr sends what kustomize, kyaml and the functions print on stderr of
// the process to w, made harmless, until restore is called: kustomize offers no
// other way to choose the stream.
func redirectStderr(w io.Writer) (restore func(), err error) {
	from, to, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	w = &locked{w: w}
	before, logged := os.Stderr, log.Writer()
	os.Stderr = to
	log.SetOutput(show.NewLines(w)) // at once, because log.Fatal waits for no pipe
	done := make(chan struct{})
	go func() {
		defer close(done)
		lines := show.NewLines(w)
		_, _ = io.Copy(lines, from) // as with stderr itself, nobody could be told
		_ = lines.Close()
	}()
	return func() {
		os.Stderr = before
		log.SetOutput(logged)
		to.Close()
		<-done
		from.Close()
	}, nil
}

// locked lets several goroutines write.
type locked struct {
	mu sync.Mutex
	w  io.Writer
}

func (l *locked) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.w.Write(p)
}
