package scsi_test

import (
	"testing"

	. "govtl/scsi"
)

// pipe is a transport that takes no account.
type pipe chan struct{}

func (p pipe) Finished(*Task) { p <- struct{}{} }

func benchSubmit(b *testing.B, op byte, depth int) {
	m := start(b, Options{})
	n := nexus("a")
	m.attach(n)
	p := make(pipe, depth)
	tasks := make([]*Task, depth)
	for i := range tasks {
		tasks[i] = task(n, p, op)
	}
	m.state(b, func(m *machine) { m.ran = make([]byte, 0, b.N+2*depth) })
	b.ReportAllocs()
	b.ResetTimer()
	for i := 0; i < b.N; i++ {
		if i >= depth {
			<-p
		}
		m.server.Submit(tasks[i%depth])
	}
	for range min(depth, b.N) {
		<-p
	}
}

func BenchmarkSubmitInline(b *testing.B)  { benchSubmit(b, opNote, 1) }
func BenchmarkSubmitQueued(b *testing.B)  { benchSubmit(b, opSlowNote, 1) }
func BenchmarkSubmitQueued8(b *testing.B) { benchSubmit(b, opSlowNote, 8) }
