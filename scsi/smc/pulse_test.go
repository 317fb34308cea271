package smc

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"
	"time"
)

// TestPulse: a move does not wait for its deadline when the process of the drive
// is stopped, or another has taken its place; one that is slow is waited for.
// Other commands go on meanwhile, and what became of the move is found out.
func TestPulse(t *testing.T) {
	for _, tc := range []struct {
		name string
		slow fault
		then func(asked int32) (string, error) // what the process answers after the request was sent
		want string
		at   string
	}{
		{"stopped before", hangs, func(int32) (string, error) { return "", ErrUnreachable }, "2/04/00", "slot 1"},
		{"stopped behind", hangsDone, func(int32) (string, error) { return "", ErrUnreachable }, "2/04/00", "drive 1"},
		{"started again", hangs, func(int32) (string, error) { return "second", nil }, "2/04/00", "slot 1"},
		{"started again, done", hangsDone, func(int32) (string, error) { return "second", nil }, "2/04/00", "drive 1"},
		{"slow", works, func(n int32) (string, error) {
			if n%missedPulses != 0 { // some questions get no answer in time
				return "", fmt.Errorf("%w: busy", ErrUnreachable)
			}
			return "first", nil
		}, "GOOD", "drive 1"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var sent, asked atomic.Int32
			slow := make(chan bool)
			l := newLibrary(t, "ibm-03584", func(o *Options) {
				o.Pulse = time.Millisecond
				o.Alive = func(context.Context, int) (string, error) {
					if sent.Load() == 0 {
						return "first", nil
					}
					n := asked.Add(1)
					if n == 20 {
						close(slow)
					}
					return tc.then(n)
				}
			})
			l.bay.setFault(func(_ int, op string, _ int) fault {
				if op != "insert" {
					return works
				}
				sent.Store(1)
				if tc.slow == works {
					l.bay.mu.Unlock()
					<-slow
					l.bay.mu.Lock()
				}
				return tc.slow
			})
			ended := make(chan string, 1)
			go func() { ended <- l.move("slot 1", "drive 1") }()
			for sent.Load() == 0 {
				time.Sleep(time.Millisecond) // the drive has been asked
			}
			if got := sense(l.do("b", []byte{0x00, 0, 0, 0, 0, 0})); got != "GOOD" && got != "2/04/00" {
				t.Errorf("TEST UNIT READY meanwhile: %s", got)
			}
			if got := <-ended; got != tc.want {
				t.Errorf("the move: %s, want %s", got, tc.want)
			}
			l.bay.setFault(nil)
			sent.Store(0)
			if got := sense(l.do("a", []byte{0x07, 0, 0, 0, 0, 0})); got != "GOOD" {
				t.Errorf("INITIALIZE ELEMENT STATUS: %s", got)
			}
			if w := l.where(); w["VTL001L8"] != tc.at {
				t.Errorf("the volume is in %s, want %s", w["VTL001L8"], tc.at)
			}
			if n := l.c.Status().Unsettled; n != 0 {
				t.Errorf("%d moves are not settled", n)
			}
		})
	}
}
