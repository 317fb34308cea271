package station

import (
	"io"
	"log/slog"
	"slices"
	"sync"
	"testing"
	"time"

	"govtl/bus"
	"govtl/scsi"
)

func newTracer() *Tracer {
	return &Tracer{log: slog.New(slog.NewTextHandler(io.Discard, nil))}
}

// finished is a task with its ending.
func finished(op byte, status scsi.Status, sense *scsi.Sense) *scsi.Task {
	t := &scsi.Task{CDB: make([]byte, 16), Status: status, Sense: sense}
	t.CDB[0] = op
	return t
}

func TestBuckets(t *testing.T) {
	all := bucketBounds()
	for i, bound := range all {
		d := time.Duration(bound * float64(time.Second))
		if got := bucket(d); got != i {
			t.Errorf("%v is in bucket %d, whose bound it is not", d, got)
		}
		if got := bucket(d + 1); got != i+1 {
			t.Errorf("%v is in bucket %d, and bound %d is below it", d+1, got, i)
		}
	}
	for _, d := range []time.Duration{-1, 0, 1} {
		if got := bucket(d); got != 0 {
			t.Errorf("%v is in bucket %d", d, got)
		}
	}
	if got := bucket(1<<63 - 1); got != len(all) {
		t.Errorf("the longest time is in bucket %d", got)
	}
}

func TestTracerCounts(t *testing.T) {
	r := newTracer()
	read := &scsi.Command{Opcode: 0x08, Name: "READ(6)"}
	in, out := &scsi.Command{Opcode: 0x5E, Name: "KEYS"}, &scsi.Command{Opcode: 0x5E, Name: "RESERVATION", ServiceAction: 1}
	mark := &scsi.Sense{Key: scsi.NoSense, ASC: scsi.FilemarkDetected, Filemark: true}
	late := &scsi.Sense{Key: scsi.MediumError, ASC: scsi.WriteError, Deferred: true}
	for range 3 {
		r.Finished(scsi.Trace{Task: finished(0x08, scsi.Good, nil), Command: read, Duration: time.Microsecond})
	}
	r.Finished(scsi.Trace{Task: finished(0x08, scsi.CheckCondition, mark), Command: read, Duration: time.Second})
	r.Finished(scsi.Trace{Task: finished(0x08, scsi.CheckCondition, late), Command: read})
	r.Finished(scsi.Trace{Task: finished(0x5E, scsi.Good, nil), Command: in})
	r.Finished(scsi.Trace{Task: finished(0x5E, scsi.ReservationConflict, nil), Command: out})
	r.Finished(scsi.Trace{Task: finished(0xEE, scsi.CheckCondition, scsi.NewSense(scsi.IllegalRequest, scsi.InvalidCommandOperationCode))})
	r.Finished(scsi.Trace{Task: finished(0xEF, scsi.CheckCondition, scsi.NewSense(scsi.IllegalRequest, scsi.InvalidCommandOperationCode))})

	if commands, checks := r.Counts(); commands != 9 || checks != 4 {
		t.Errorf("%d commands, %d with CHECK CONDITION", commands, checks)
	}
	var names []string
	var counts []uint64
	for _, c := range r.commands.list() {
		names, counts = append(names, c.Name), append(counts, c.Count)
		if c.Name == "READ(6)" && (c.Buckets[0] != 4 || c.Buckets[bucket(time.Second)] != 1 || c.Seconds != 1.000003) {
			t.Errorf("READ(6): %v in %v s", c.Buckets, c.Seconds)
		}
	}
	if !slices.Equal(names, []string{"KEYS", "READ(6)", "RESERVATION", "unknown"}) || !slices.Equal(counts, []uint64{1, 5, 1, 2}) {
		t.Errorf("%v %v", names, counts)
	}
	want := []bus.SenseMetrics{
		{Key: 0, ASC: 0x0001, KeyName: "NO SENSE", Name: "FILEMARK DETECTED", Count: 1},
		{Key: 3, ASC: 0x0C00, KeyName: "MEDIUM ERROR", Name: "WRITE ERROR", Deferred: true, Count: 1},
		{Key: 5, ASC: 0x2000, KeyName: "ILLEGAL REQUEST", Name: "INVALID COMMAND OPERATION CODE", Count: 2},
	}
	if got := r.senses.list(); !slices.Equal(got, want) {
		t.Errorf("sense %+v", got)
	}
	if got := r.statuses.list(); !slices.Equal(got, []bus.StatusMetrics{{Status: "GOOD", Count: 4}, {Status: "CHECK CONDITION", Count: 4}, {Status: "RESERVATION CONFLICT", Count: 1}}) {
		t.Errorf("statuses %+v", got)
	}
}

// TestTracerAtOnce counts from several goroutines, the first of a command too.
func TestTracerAtOnce(t *testing.T) {
	r := newTracer()
	rows := make([]scsi.Command, 32)
	for i := range rows {
		rows[i] = scsi.Command{Opcode: 0xA3, ServiceAction: uint8(i), Name: string(rune('a' + i))}
	}
	sense := scsi.NewSense(scsi.UnitAttention, scsi.ModeParametersChanged)
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for i := range 32 * 100 {
				r.Finished(scsi.Trace{Task: finished(0xA3, scsi.CheckCondition, sense), Command: &rows[i%32]})
			}
		})
	}
	wg.Wait()
	list := r.commands.list()
	if len(list) != 32 {
		t.Errorf("%d commands", len(list))
	}
	for _, c := range list {
		if c.Count != 800 {
			t.Errorf("%s: %d", c.Name, c.Count)
		}
	}
	if got := r.senses.list(); len(got) != 1 || got[0].Count != 25600 {
		t.Errorf("sense %+v", got)
	}
}

// TestTracerAllocatesNothing: counting is on the path of every block.
func TestTracerAllocatesNothing(t *testing.T) {
	r := newTracer()
	read := &scsi.Command{Opcode: 0x08, Name: "READ(6)"}
	good := finished(0x08, scsi.Good, nil)
	check := finished(0x08, scsi.CheckCondition, scsi.NewSense(scsi.NoSense, scsi.FilemarkDetected))
	count := func() {
		r.Finished(scsi.Trace{Task: good, Command: read, Duration: time.Millisecond})
		r.Finished(scsi.Trace{Task: check, Command: read, Duration: time.Millisecond})
	}
	count()
	if n := testing.AllocsPerRun(100, count); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func benchmarkTracer(b *testing.B, task *scsi.Task) {
	r := newTracer()
	read := &scsi.Command{Opcode: 0x08, Name: "READ(6)"}
	b.ReportAllocs()
	for b.Loop() {
		r.Finished(scsi.Trace{Task: task, Command: read, Duration: time.Millisecond})
	}
}

func BenchmarkTracerGood(b *testing.B) { benchmarkTracer(b, finished(0x08, scsi.Good, nil)) }

func BenchmarkTracerCheckCondition(b *testing.B) {
	benchmarkTracer(b, finished(0x08, scsi.CheckCondition, scsi.NewSense(scsi.NoSense, scsi.FilemarkDetected)))
}
