package smc

import (
	"context"
	"fmt"
	"runtime/debug"
	"sync"

	"govtl/scsi"
)

// mover is the medium transport: it does one thing at a time, in order, while
// the device server answers other commands. Everything that talks to drives runs
// on its goroutine.
type mover struct {
	mu     sync.Mutex
	queue  []*job
	closed bool
	wake   chan struct{} // capacity 1
	ended  chan struct{}
}

// job is one thing to do. result has its outcome, once.
type job struct {
	run     func(context.Context) error
	result  chan error // capacity 1
	dropped <-chan struct{}
}

func newMover() *mover {
	return &mover{wake: make(chan struct{}, 1), ended: make(chan struct{})}
}

// add queues a job; ok is false when the mover is closed. A job whose dropped
// channel is closed before it begins does not run.
func (m *mover) add(run func(context.Context) error, dropped <-chan struct{}) (j *job, ok bool) {
	j = &job{run: run, result: make(chan error, 1), dropped: dropped}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.closed {
		return nil, false
	}
	m.queue = append(m.queue, j)
	m.rouse()
	return j, true
}

// rouse wakes the goroutine; m.mu is held.
func (m *mover) rouse() {
	select {
	case m.wake <- struct{}{}:
	default:
	}
}

func (m *mover) next() (j *job, closed bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(m.queue) == 0 {
		return nil, m.closed
	}
	j = m.queue[0]
	m.queue[0] = nil
	m.queue = m.queue[1:]
	return j, false
}

// run does jobs until close.
func (m *mover) run(ctx context.Context) {
	defer close(m.ended)
	for {
		j, closed := m.next()
		if closed {
			return
		}
		if j == nil {
			<-m.wake
			continue
		}
		select {
		case <-j.dropped:
			j.result <- scsi.TaskAborted
			continue
		default:
		}
		if ctx.Err() != nil {
			j.result <- ErrClosed
			continue
		}
		j.result <- guard(ctx, j.run)
	}
}

// guard turns a panic into an error: one bad move must not end the daemon.
func guard(ctx context.Context, run func(context.Context) error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("smc: panic: %v\n%s", p, debug.Stack())
		}
	}()
	return run(ctx)
}

// close takes no more jobs and returns when those that wait have ended. Whoever
// calls it has cancelled the context of run.
func (m *mover) close() {
	m.mu.Lock()
	m.closed = true
	m.rouse()
	m.mu.Unlock()
	<-m.ended
}

// detach has the mover carry out a task. The task ends when the move ends, or
// at once when it is aborted: a move that has begun then goes on without it.
func (c *Changer) detach(t *scsi.Task, run func(context.Context) error) error {
	dropped := t.Done()
	j, ok := c.mover.add(run, dropped)
	if !ok {
		return scsi.Busy
	}
	c.tasks.Add(1)
	go func() {
		defer c.tasks.Done()
		var err error
		select {
		case err = <-j.result:
		case <-dropped:
			err = scsi.TaskAborted
		}
		c.server.Finish(t, senseOf(err))
	}()
	return scsi.ErrDetached
}

// await has the mover do something for an operator, and waits for it until ctx
// ends; what has begun then goes on.
func (c *Changer) await(ctx context.Context, run func(context.Context) error) error {
	j, ok := c.mover.add(run, ctx.Done())
	if !ok {
		return ErrClosed
	}
	select {
	case err := <-j.result:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}
