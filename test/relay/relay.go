// Package relay is a TCP relay that fails on demand: it resets connections,
// closes half of them, falls silent, or passes on in small pieces. Tests put it
// between an initiator and the suite.
package relay

import (
	"errors"
	"math/rand/v2"
	"net"
	"sync"
	"sync/atomic"
)

// Relay passes connections on to a target until it is told to fail.
type Relay struct {
	listener *net.TCPListener
	target   string

	pieces atomic.Int64 // longest piece; 0: as they come
	passed atomic.Int64 // bytes towards the target

	mu     sync.Mutex // guards what follows
	pairs  map[*pair]bool
	closed bool
	quiet  bool
	speak  *sync.Cond // quiet has become false, or the relay is closed

	wg sync.WaitGroup
}

// pair is one relayed connection.
type pair struct {
	initiator, target *net.TCPConn
	halved            atomic.Bool // the initiator is not to learn that the target is gone
}

// Listen starts a relay on a free port of 127.0.0.1 towards a target address.
func Listen(target string) (*Relay, error) {
	l, err := net.ListenTCP("tcp", &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		return nil, err
	}
	r := &Relay{listener: l, target: target, pairs: map[*pair]bool{}}
	r.speak = sync.NewCond(&r.mu)
	r.wg.Add(1)
	go r.accept()
	return r, nil
}

// Addr is the address that initiators connect to.
func (r *Relay) Addr() string { return r.listener.Addr().String() }

// Passed is the number of bytes passed on towards the target.
func (r *Relay) Passed() int64 { return r.passed.Load() }

// Pieces makes the relay pass on in pieces of 1 to n bytes; 0: as they come.
func (r *Relay) Pieces(n int) { r.pieces.Store(int64(n)) }

// Reset ends every connection with RST on both sides and returns how many.
func (r *Relay) Reset() int {
	return r.end(func(p *pair) {
		p.initiator.SetLinger(0)
		p.target.SetLinger(0)
		p.initiator.Close()
		p.target.Close()
	})
}

// HalfClose ends every connection towards the target only: the target sees RST,
// the initiator sees nothing and its bytes go nowhere. It returns how many.
func (r *Relay) HalfClose() int {
	return r.end(func(p *pair) {
		p.halved.Store(true)
		p.target.SetLinger(0)
		p.target.Close()
	})
}

// end does something to every connection.
func (r *Relay) end(how func(*pair)) int {
	r.mu.Lock()
	defer r.mu.Unlock()
	for p := range r.pairs {
		how(p)
	}
	return len(r.pairs)
}

// Silence stops passing on in either direction, connections staying open, until
// it is called with false.
func (r *Relay) Silence(quiet bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.quiet = quiet
	r.speak.Broadcast()
}

// Close ends the relay and all its connections.
func (r *Relay) Close() error {
	err := r.listener.Close()
	r.mu.Lock()
	r.closed = true
	r.speak.Broadcast()
	for p := range r.pairs {
		p.initiator.Close()
		p.target.Close()
	}
	r.mu.Unlock()
	r.wg.Wait()
	return err
}

// accept takes connections until the listener is closed.
func (r *Relay) accept() {
	defer r.wg.Done()
	for {
		c, err := r.listener.AcceptTCP()
		if err != nil {
			return
		}
		r.wg.Add(1)
		go func() {
			defer r.wg.Done()
			r.serve(c)
		}()
	}
}

// serve relays one connection to its end.
func (r *Relay) serve(initiator *net.TCPConn) {
	defer initiator.Close()
	c, err := net.Dial("tcp", r.target)
	if err != nil {
		return
	}
	p := &pair{initiator: initiator, target: c.(*net.TCPConn)}
	defer p.target.Close()
	if err := r.register(p); err != nil {
		return
	}
	defer r.forget(p)
	back := make(chan struct{})
	go func() {
		defer close(back)
		r.copy(p.initiator, p.target, nil)
		if !p.halved.Load() {
			p.initiator.CloseWrite()
		}
	}()
	r.copy(p.target, p.initiator, &r.passed)
	p.target.CloseWrite()
	<-back
}

var errClosed = errors.New("relay: closed")

func (r *Relay) register(p *pair) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		return errClosed
	}
	r.pairs[p] = true
	return nil
}

func (r *Relay) forget(p *pair) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.pairs, p)
}

// copy passes on in one direction. When the other side is gone it goes on reading,
// so that a half-closed initiator is not told.
func (r *Relay) copy(to, from *net.TCPConn, count *atomic.Int64) {
	buf := make([]byte, 64<<10)
	broken := false
	for {
		n, err := from.Read(buf)
		if !r.waitForSpeech() {
			return
		}
		for rest := buf[:n]; len(rest) > 0 && !broken; {
			piece := len(rest)
			if longest := r.pieces.Load(); longest > 0 {
				piece = min(piece, 1+int(rand.Int64N(longest)))
			}
			if count != nil {
				count.Add(int64(piece)) // who has got an answer to it finds it counted
			}
			_, werr := to.Write(rest[:piece])
			broken = werr != nil
			rest = rest[piece:]
		}
		if err != nil {
			return
		}
	}
}

// waitForSpeech waits while the relay is silent; false when it is closed.
func (r *Relay) waitForSpeech() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	for r.quiet && !r.closed {
		r.speak.Wait()
	}
	return !r.closed
}
