package libcart

import "time"

// governor decides which blocks of an adaptive cartridge are compressed, so that
// compression does not hold the initiator back: it may take what processors have
// to spare and no more. Whether they have cannot be seen from inside, so it is
// measured: the rate at which blocks arrive while a share of them is compressed,
// against the rate while none is.
//
//	trial ──(span bytes)──▶ settle ──(no backlog)──▶ control ──(controlBytes)──▶ trial …
//
// While both rates are the same the share grows to all, and the controls become
// rare; when compression costs rate, the share shrinks. A backlog before the
// compressors ends a trial at once.
type governor struct {
	phase  phase
	share  float64 // of the blocks that are compressed in a trial
	credit float64 // grows by share with each block; one is taken for each compressed
	span   int64   // bytes of the next trial

	bytes int64         // in this phase, of those that are counted
	busy  time.Duration // and the time they took
	last  time.Time     // of the last block
	rate  float64       // of the last trial, bytes per second
}

type phase uint8

const (
	trial phase = iota
	settle
	control
)

const (
	firstSpan    = 16 << 20
	minSpan      = 64 << 20
	maxSpan      = 2 << 30
	controlBytes = 16 << 20
	settleBytes  = 64 << 20 // the longest settling

	// pause is a gap between blocks that is the initiator's own: it is not counted.
	pause = 20 * time.Millisecond

	// rest is a gap after which the initiator may have become another one.
	rest = 250 * time.Millisecond

	// fair is the rate of a trial, as a part of that of a control, that is good enough.
	fair = 0.93

	minShare = 1.0 / 64
)

// compress says whether a block of n bytes that arrives now is to be compressed.
// waiting bytes are before the compressors, of at most limit.
func (g *governor) compress(n int, waiting, limit int64, now time.Time) bool {
	if g.share == 0 {
		g.share, g.span = 1, firstSpan
	}
	if gap := now.Sub(g.last); !g.last.IsZero() && gap < pause {
		g.busy += gap
		g.bytes += int64(n)
	} else if gap >= rest {
		g.span = min(g.span, minSpan)
	}
	g.last = now
	switch g.phase {
	case trial:
		if waiting > limit/2 {
			g.shrink(0.5)
			g.enter(settle)
			break
		}
		if g.bytes >= g.span {
			g.rate = g.measured()
			g.enter(settle)
		}
	case settle:
		if waiting <= int64(n) || g.bytes >= settleBytes {
			g.enter(control)
		}
	case control:
		if g.bytes >= controlBytes {
			g.judge(g.measured())
			g.enter(trial)
		}
	}
	if g.phase != trial {
		return false
	}
	if g.credit += g.share; g.credit < 1 {
		return false
	}
	g.credit--
	return true
}

// enter begins a phase.
func (g *governor) enter(p phase) { g.phase, g.bytes, g.busy = p, 0, 0 }

// measured is the rate of this phase in bytes per second.
func (g *governor) measured() float64 { return float64(g.bytes) / max(g.busy.Seconds(), 1e-9) }

// judge changes the share by the rate of the control. After a backlog there is no
// rate of the trial: it has been judged.
func (g *governor) judge(control float64) {
	if g.rate == 0 {
		return
	}
	switch ratio := g.rate / control; {
	case ratio < fair:
		g.shrink(max(ratio*ratio, 0.2))
	case g.share == 1:
		g.span = min(2*g.span, maxSpan)
	default:
		g.share = min(1, g.share*1.25)
	}
	g.rate = 0
}

// shrink makes the share smaller and has it controlled soon.
func (g *governor) shrink(by float64) {
	g.share = max(g.share*by, minShare)
	g.span, g.rate = minSpan, 0
}
