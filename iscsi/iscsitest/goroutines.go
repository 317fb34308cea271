package iscsitest

import (
	"runtime"
	"strings"
	"testing"
	"time"
)

// NoLeaks fails the test when it ends with more goroutines in this module's code
// than there were when NoLeaks was called.
func NoLeaks(t testing.TB) {
	t.Helper()
	before := count()
	t.Cleanup(func() {
		deadline := time.Now().Add(5 * time.Second)
		for count() > before {
			if time.Now().After(deadline) {
				buf := make([]byte, 1<<20)
				t.Errorf("goroutines left behind:\n%s", buf[:runtime.Stack(buf, true)])
				return
			}
			time.Sleep(5 * time.Millisecond) // until those that are ending have ended
		}
	})
}

// count is the number of goroutines that run code of this module, other than the
// caller's own.
func count() int {
	buf := make([]byte, 4<<20)
	n := 0
	for i, g := range strings.Split(string(buf[:runtime.Stack(buf, true)]), "\n\n") {
		if i > 0 && strings.Contains(g, "govtl/") && !strings.Contains(g, "testing.tRunner") {
			n++
		}
	}
	return n
}
