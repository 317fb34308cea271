package libcart

import (
	"fmt"
	"testing"
	"time"
)

// machine is a computer with some processors on which blocks arrive, each after
// the work of the transport, and are stored and compressed; an initiator may be
// slower than that by itself.
type machine struct {
	cores             float64
	transport, store  float64 // processor seconds per GB
	compress          float64 // likewise
	initiator         float64 // GB per second it can do
	queue, compressed float64 // GB
}

const gb = 1 << 30

// run lets total GB arrive in blocks of 256 KiB and returns the rate in GB/s and
// the share that was compressed.
func (m *machine) run(total float64, decide func(waiting, limit int64, now time.Time) bool) (rate, share float64) {
	const block = 256.0 * 1024 / gb
	const limit = 64 << 20
	now, done := 0.0, 0.0
	waiting := 0.0 // GB before the compressors
	for done < total {
		if decide(int64(waiting*gb), limit, time.Unix(0, 0).Add(time.Duration(now*1e9))) {
			waiting += block
			m.compressed += block
		}
		// The transport takes one core at most, compressors all that are left; when
		// all want more than there is, each gets its part.
		work := (m.transport + m.store) * block
		pressure := 1.0
		if waiting > 0 {
			pressure = max(1, (1+m.cores)/m.cores*0.8) // contention
		}
		t := max(work*pressure, block/m.initiator)
		if waiting*gb >= limit { // the buffer is full: the compressors' pace
			t = max(t, block*m.compress/m.cores)
		}
		spare := m.cores*t - work
		waiting = max(0, waiting-spare/m.compress)
		now += t
		done += block
	}
	return done / now, m.compressed / done
}

// TestGovernor holds what the governor does against no compression at all.
func TestGovernor(t *testing.T) {
	for _, c := range []struct {
		name  string
		m     machine
		share float64 // at least
	}{
		{"slow initiator, quick codec", machine{cores: 2, transport: 0.3, store: 0.1, compress: 0.4, initiator: 0.3}, 0.95},
		{"slow initiator, slow codec", machine{cores: 2, transport: 0.3, store: 0.1, compress: 3, initiator: 0.3}, 0.5},
		{"fast initiator, slow codec", machine{cores: 2, transport: 0.3, store: 0.1, compress: 3, initiator: 100}, 0.01},
		{"fast initiator, quick codec", machine{cores: 2, transport: 0.3, store: 0.1, compress: 0.3, initiator: 100}, 0.01},
		{"many cores", machine{cores: 16, transport: 0.3, store: 0.1, compress: 1, initiator: 2}, 0.95},
	} {
		t.Run(c.name, func(t *testing.T) {
			off := c.m
			without, _ := off.run(30, func(int64, int64, time.Time) bool { return false })
			var g governor
			with, share := c.m.run(30, func(waiting, limit int64, now time.Time) bool { return g.compress(256<<10, waiting, limit, now) })
			what := fmt.Sprintf("%.2f GB/s, %.2f without; %.0f %% compressed, share now %.2f", with, without, 100*share, g.share)
			if with < 0.9*without {
				t.Errorf("too slow: %s", what)
			}
			if share < c.share {
				t.Errorf("too little: %s", what)
			}
			t.Log(what)
		})
	}
}
