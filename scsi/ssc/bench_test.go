package ssc

import (
	"os"
	"testing"

	"govtl/internal/buffer"
	"govtl/internal/vfs"
	"govtl/libcart"
	"govtl/scsi"
)

// again is a transport end that can be used for one task after another.
type again struct{ done chan struct{} }

func (a again) Finished(*scsi.Task) { a.done <- struct{}{} }

// benchRig is a drive with a large cartridge on memory files when the host has them.
func benchRig(b *testing.B) *rig {
	r := newRig(b, "ibm-ult3580-td9", func(o *Options) { o.Codec, o.FS = libcart.Stored, vfs.OS{} })
	r.dir = b.TempDir()
	if dir, err := os.MkdirTemp("/dev/shm", "ssc"); err == nil {
		r.dir = dir
		b.Cleanup(func() { os.RemoveAll(dir) })
	}
	r.insert("VTL001L9", func(s *libcart.Spec) { s.Capacity = 1 << 40 })
	return r
}

const benchBlock = 256 << 10

// BenchmarkWrite6 writes variable blocks through the device server, and rewinds
// before the medium takes too much room.
func BenchmarkWrite6(b *testing.B) {
	r := benchRig(b)
	a := again{make(chan struct{}, 1)}
	task := &scsi.Task{}
	block := pattern(1, benchBlock)
	cdb := append(write6v(benchBlock), make([]byte, 10)...)
	b.SetBytes(benchBlock)
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		if i%512 == 511 {
			b.StopTimer()
			r.want(good, rewind)
			b.StartTimer()
		}
		task.Reset()
		task.Nexus, task.CDB, task.Transport, task.ExpectedOut = r.nexus, cdb, a, benchBlock
		task.Out = buffer.Default.Get(benchBlock)
		copy(task.Out.B, block)
		r.drive.Unit().Submit(task)
		<-a.done
		if task.Status != scsi.Good {
			b.Fatal(task.Sense)
		}
	}
}

// BenchmarkRead6 reads them back.
func BenchmarkRead6(b *testing.B) {
	r := benchRig(b)
	const blocks = 512
	for i := range blocks {
		r.want(good, write6v(benchBlock), pattern(i, benchBlock)...)
	}
	r.want(good, filemarks(0))
	r.want(good, rewind)
	a := again{make(chan struct{}, 1)}
	task := &scsi.Task{}
	cdb := append(read6v(benchBlock), make([]byte, 10)...)
	b.SetBytes(benchBlock)
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		if i%blocks == blocks-1 {
			b.StopTimer()
			r.want(good, rewind)
			b.StartTimer()
		}
		task.Reset()
		task.Nexus, task.CDB, task.Transport, task.ExpectedIn = r.nexus, cdb, a, benchBlock
		r.drive.Unit().Submit(task)
		<-a.done
		if task.Status != scsi.Good {
			b.Fatal(task.Sense)
		}
		task.DropIn()
	}
}

// BenchmarkLocate16 goes to any object of a tape of 100,000.
func BenchmarkLocate16(b *testing.B) {
	r := benchRig(b)
	for range 10 {
		r.want(good, filemarks(10_000))
	}
	b.ReportAllocs()
	x := uint32(1)
	for b.Loop() {
		x = x*1664525 + 1013904223
		n := x % 100_000
		r.want(good, []byte{0x92, 0, 0, 0, 0, 0, 0, 0, 0, byte(n >> 16), byte(n >> 8), byte(n), 0, 0, 0, 0})
	}
}

// BenchmarkReedSolomon computes the guard of a block.
func BenchmarkReedSolomon(b *testing.B) {
	block := pattern(1, benchBlock)
	b.SetBytes(benchBlock)
	for b.Loop() {
		reedSolomon(block)
	}
}
