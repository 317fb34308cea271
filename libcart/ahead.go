package libcart

import (
	"runtime"
	"sync"

	"govtl/internal/buffer"
	"govtl/libcart/internal/format"
)

const (
	// maxAhead bounds how many objects are read ahead, and maxAheadBytes how
	// many bytes they have together: what stays in a processor's cache until it
	// is taken. Larger ones were measured to be slower.
	maxAhead      = 256
	maxAheadBytes = 4 << 20

	// sequential is how many reads in a row must have followed each other
	// before anything is read ahead, and firstAhead how far that goes first.
	// It doubles as it is used up.
	sequential = 2
	firstAhead = 4

	// dropStep is how much of the file leaves the page cache at a time behind a
	// sequential reader: what it goes through need not be what the machine has.
	dropStep = 4 << 20
)

// ahead reads the objects behind the position before they are asked for, and
// decompresses them, several at a time. The zero value with a limit is ready.
type ahead struct {
	limit int64

	mu      sync.Mutex // guards everything below
	work    sync.Cond  // a slot may be claimed, or closed
	done    sync.Cond  // a slot is done, or a worker is idle
	slots   []aheadSlot
	part    *partition
	page    indexPage
	cipher  *Cipher // of the blocks that are read
	head    uint64  // object that is taken next
	claim   uint64  // object that a worker reads next
	window  uint64  // claim may not reach head + window
	bytes   int64   // in slots that are done or being read
	row     int     // reads in a row
	busy    int     // workers that are reading
	dropped int64   // the page cache has let go of the file before this; -1: none yet
	active  bool
	broken  bool // what comes next cannot be read so: claim stands
	closed  bool
	workers sync.WaitGroup
}

// aheadSlot is one object.
type aheadSlot struct {
	entry format.Entry
	block *buffer.Buffer
	seal  sealState
	err   error
	done  bool
}

func (a *ahead) at(object uint64) *aheadSlot { return &a.slots[object%maxAhead] }

// take returns an object that was read ahead, or false: then it is to be read at
// once, and when that was the next in a row, those behind it are read meanwhile.
func (a *ahead) take(p *partition, object uint64) (*buffer.Buffer, format.Entry, sealState, bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.part != p || a.head != object {
		a.drop()
		a.part, a.head, a.row = p, object+1, 0
		return nil, format.Entry{}, sealState{}, false
	}
	if !a.active {
		a.head++
		if a.row++; a.row >= sequential {
			a.start()
		}
		return nil, format.Entry{}, sealState{}, false
	}
	for a.claim == object && !a.broken || a.claim > object && !a.at(object).done {
		a.done.Wait()
	}
	if a.claim == object { // broken here
		a.drop()
		a.part, a.head, a.row = p, object+1, -maxAhead
		return nil, format.Entry{}, sealState{}, false
	}
	s := a.at(object)
	if s.err != nil {
		a.drop()
		a.part, a.head, a.row = p, object+1, -maxAhead
		return nil, format.Entry{}, sealState{}, false
	}
	b, e, seal := s.block, s.entry, s.seal
	*s = aheadSlot{}
	a.head++
	a.bytes -= int64(e.Length)
	if a.window < maxAhead {
		a.window = min(2*a.window, maxAhead)
	}
	a.work.Broadcast()
	return b, e, seal, true
}

// has says that take would return an object at once.
func (a *ahead) has(p *partition, object uint64) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.active && a.part == p && a.head == object && a.claim > object && a.at(object).done && a.at(object).err == nil
}

// start begins to read ahead from head. mu is held.
func (a *ahead) start() {
	if a.slots == nil {
		a.slots = make([]aheadSlot, maxAhead)
		a.work.L, a.done.L = &a.mu, &a.mu
		for range min(runtime.GOMAXPROCS(0), 4) {
			a.workers.Go(a.run)
		}
	}
	a.active, a.broken = true, false
	a.claim, a.window, a.page.n = a.head, firstAhead, 0
	a.dropped = -1
	a.work.Broadcast()
}

// drop forgets what was read ahead and waits for who is reading. mu is held.
func (a *ahead) drop() {
	if !a.active {
		return
	}
	a.active = false
	for a.busy > 0 {
		a.done.Wait()
	}
	for i := range a.slots {
		a.slots[i].block.Release()
		a.slots[i] = aheadSlot{}
	}
	a.bytes = 0
}

// stop is called before anything changes or moves.
func (a *ahead) stop() {
	a.mu.Lock()
	a.drop()
	a.part = nil
	a.mu.Unlock()
}

// close ends the workers too.
func (a *ahead) close() {
	a.stop()
	a.mu.Lock()
	a.closed = true
	if a.slots != nil {
		a.work.Broadcast()
	}
	a.mu.Unlock()
	a.workers.Wait()
}

// run is one worker.
func (a *ahead) run() {
	var g batch
	a.mu.Lock()
	defer a.mu.Unlock()
	for {
		for !a.closed && (!a.active || a.broken || !a.mayClaim()) {
			a.work.Wait()
		}
		if a.closed {
			return
		}
		p, first := a.part, a.claim
		for g.reset(); a.mayClaim(); {
			var e format.Entry
			if !a.entry(p, &e, a.claim) {
				a.broken = true
				break
			}
			if !g.add(e) {
				break
			}
			a.claim++
			a.bytes += int64(e.Length)
		}
		if g.n == 0 {
			a.done.Broadcast()
			continue
		}
		a.busy++
		g.reader.cipher = a.cipher
		drop, behind := a.letGo(g.entries[0].Offset)
		a.mu.Unlock()

		if behind > drop && !p.isCached(drop, behind) {
			p.data.Drop(drop, behind-drop)
		}
		g.load(p)
		for i := range g.n {
			object := first + uint64(i)
			b, err := g.take(p, object, i)
			a.mu.Lock()
			*a.at(object) = aheadSlot{entry: g.entries[i], block: b, seal: g.reader.seal, err: err, done: true}
			a.done.Broadcast()
			a.mu.Unlock()
		}

		a.mu.Lock()
		a.busy--
		a.done.Broadcast()
	}
}

// mayClaim says that another object may be read now. mu is held.
func (a *ahead) mayClaim() bool { return a.claim < a.head+a.window && a.bytes < a.limit }

// letGo returns the part of the file that is not to stay in memory any longer, now
// that a record at an offset is read; an empty one most of the time. mu is held.
func (a *ahead) letGo(offset int64) (from, to int64) {
	if a.dropped < 0 {
		a.dropped = offset - offset%dropStep
	}
	if offset-a.dropped < 2*dropStep {
		return 0, 0
	}
	from, to = a.dropped, a.dropped+dropStep
	a.dropped = to
	return from, to
}

// entry finds an index entry, from memory or the index file, and returns false at
// the end of data and at what is damaged.
func (a *ahead) entry(p *partition, e *format.Entry, object uint64) bool {
	p.mu.Lock()
	indexed := p.indexed
	if object >= p.objects || object >= indexed {
		defer p.mu.Unlock()
		if object >= p.objects {
			return false
		}
		*e = p.pending[object-indexed]
		return e.Kind != format.Lost
	}
	p.mu.Unlock()
	return a.page.entry(p, e, object, indexed) == nil && e.Kind != format.Lost
}
