package station

import (
	"cmp"
	"context"
	"maps"
	"math/bits"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"govtl/bus"
	"govtl/internal/daemon"
	"govtl/scsi"
)

// Commands are counted by how long they took, in buckets whose bounds are four
// times apart, from 16 µs to 69 s: from a block that fits the buffer to a
// rewind with the model's real times. Powers of two make the bucket a matter of
// the number's length.
const (
	firstShift  = 14 // the first bound is 1<<firstShift ns
	bucketShift = 2  // log2 of the distance of two bounds
	bounds      = 12
)

// bucket is the first bucket whose bound is not below d.
func bucket(d time.Duration) int {
	length := bits.Len64(uint64(max(d-1, 0)))
	return min(max(0, (length-firstShift+bucketShift-1)/bucketShift), bounds)
}

// bucketBounds are the bounds in seconds.
func bucketBounds() []float64 {
	all := make([]float64, bounds)
	for i := range all {
		all[i] = time.Duration(int64(1) << (firstShift + bucketShift*i)).Seconds()
	}
	return all
}

// commandCounter counts one row of the command table. The rows of an operation
// code are a list that only grows, at its front.
type commandCounter struct {
	command *scsi.Command // nil: in no table
	next    *commandCounter
	nanos   atomic.Int64
	buckets [bounds + 1]atomic.Uint64
}

// commandCounters find their counter without a lock. The zero value is ready.
type commandCounters [256]atomic.Pointer[commandCounter]

// of is the counter of a command; opcode counts for those in no table.
func (c *commandCounters) of(command *scsi.Command, opcode byte) *commandCounter {
	if command != nil {
		opcode = command.Opcode
	}
	head := &c[opcode]
	for {
		first := head.Load()
		for n := first; n != nil; n = n.next {
			if n.command == command {
				return n
			}
		}
		n := &commandCounter{command: command, next: first}
		if head.CompareAndSwap(first, n) {
			return n
		}
	}
}

// count notes a command that took d.
func (c *commandCounters) count(command *scsi.Command, opcode byte, d time.Duration) {
	n := c.of(command, opcode)
	n.nanos.Add(int64(d))
	n.buckets[bucket(d)].Add(1)
}

// list has each command that was counted, by name. What is in no table is one.
func (c *commandCounters) list() []bus.CommandMetrics {
	byName := map[string]*bus.CommandMetrics{}
	for i := range c {
		for n := c[i].Load(); n != nil; n = n.next {
			name := "unknown"
			if n.command != nil {
				name = n.command.Name
			}
			m := byName[name]
			if m == nil {
				m = &bus.CommandMetrics{Name: name, Buckets: make([]uint64, bounds+1)}
				byName[name] = m
			}
			for b := range n.buckets {
				k := n.buckets[b].Load()
				m.Buckets[b] += k
				m.Count += k
			}
			m.Seconds += time.Duration(n.nanos.Load()).Seconds()
		}
	}
	var all []bus.CommandMetrics
	for _, m := range byName {
		all = append(all, *m)
	}
	slices.SortFunc(all, func(a, b bus.CommandMetrics) int { return strings.Compare(a.Name, b.Name) })
	return all
}

// senseCounters count CHECK CONDITION by what it says. The codes are those that
// this suite raises, so that there are not many.
type senseCounters struct {
	mu    sync.Mutex // guards count
	count map[senseCode]uint64
}

// senseCode is the part of sense data that is counted by.
type senseCode struct {
	key      scsi.SenseKey
	asc      scsi.ASC
	deferred bool
}

// add notes one CHECK CONDITION.
func (c *senseCounters) add(s *scsi.Sense) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.count == nil {
		c.count = map[senseCode]uint64{}
	}
	c.count[senseCode{s.Key, s.ASC, s.Deferred}]++
}

// list has the codes in order.
func (c *senseCounters) list() []bus.SenseMetrics {
	c.mu.Lock()
	count := maps.Clone(c.count)
	c.mu.Unlock()
	var all []bus.SenseMetrics
	for s, n := range count {
		all = append(all, bus.SenseMetrics{
			Key: uint8(s.key), ASC: uint16(s.asc), KeyName: s.key.String(), Name: s.asc.String(), Deferred: s.deferred, Count: n,
		})
	}
	slices.SortFunc(all, func(a, b bus.SenseMetrics) int {
		return cmp.Or(cmp.Compare(a.Key, b.Key), cmp.Compare(a.ASC, b.ASC), cmp.Compare(flag(a.Deferred), flag(b.Deferred)))
	})
	return all
}

func flag(b bool) int {
	if b {
		return 1
	}
	return 0
}

// list has each status that was counted.
func (c *statusCounters) list() []bus.StatusMetrics {
	var all []bus.StatusMetrics
	for i := range c {
		if n := c[i].Load(); n > 0 {
			all = append(all, bus.StatusMetrics{Status: scsi.Status(i).String(), Count: n})
		}
	}
	return all
}

// statusCounters count by SCSI status.
type statusCounters [256]atomic.Uint64

// metrics tells what is counted of every device; the device's own part is from
// Serve.Metrics.
func (s *Station) metrics(ctx context.Context, own func(context.Context, *bus.MetricsReply)) (bus.MetricsReply, error) {
	r := bus.MetricsReply{
		Started: s.started.UTC().Format(time.RFC3339), Version: daemon.Version(), Target: s.Target, Sessions: len(s.Sessions()),
		Bounds: bucketBounds(), Commands: s.Tracer.commands.list(), Statuses: s.Tracer.statuses.list(), Senses: s.Tracer.senses.list(),
	}
	if own != nil {
		own(ctx, &r)
	}
	return r, nil
}
