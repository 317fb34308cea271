package supervise

import (
	"os/exec"
	"runtime"
)

// startRequest asks the starting thread to start a process.
type startRequest struct {
	cmd   *exec.Cmd
	reply chan<- error
}

// startThread starts processes, always on the same thread: the kernel sends a
// process its parent-death signal when the *thread* that started it ends,
// prctl(2), and a thread of the Go runtime may end at any time unless a goroutine
// holds it.
func startThread(requests <-chan startRequest, quit <-chan struct{}) {
	runtime.LockOSThread() // never unlocked: the thread ends with this goroutine
	for {
		select {
		case r := <-requests:
			r.reply <- r.cmd.Start()
		case <-quit:
			return
		}
	}
}
