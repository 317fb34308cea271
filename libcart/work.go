package libcart

import (
	"context"
	"sync/atomic"
)

// work is what a recovery has done of what it has to do, in bytes that it passes:
// each partition's index once, and its data twice. It ends when its context does.
type work struct {
	ctx         context.Context
	done, total atomic.Int64
	base        int64 // done before what is being done now
}

// to says that n bytes of a stretch are passed. It returns why to stop.
func (w *work) to(n int64) error {
	if w == nil {
		return nil
	}
	w.done.Store(w.base + n)
	return w.givenUp()
}

// givenUp returns why to stop, if there is a reason.
func (w *work) givenUp() error {
	if w == nil || w.ctx.Err() == nil {
		return nil
	}
	return context.Cause(w.ctx)
}

// passed ends a stretch of n bytes.
func (w *work) passed(n int64) {
	if w != nil {
		w.base += n
		w.done.Store(w.base)
	}
}

// bulk is the work that a partition may be, in bytes.
func (p *partition) bulk() int64 {
	data, err1 := p.data.Size()
	index, err2 := p.index.Size()
	if err1 != nil || err2 != nil {
		return 0 // whoever recovers it will say so
	}
	return index + 2*data
}
