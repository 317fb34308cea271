package daemon

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
)

// Part is one thing that a daemon runs.
type Part struct {
	Name string

	// Run does the part's work until ctx ends, and calls ready once when it
	// serves. The next part starts then. It returns when all is put away; nil
	// after ctx has ended.
	Run func(ctx context.Context, ready func()) error
}

// errEnded is a part that returned without error and without being asked to.
var errEnded = errors.New("ended by itself")

// running is a part that was started.
type running struct {
	name   string
	cancel context.CancelFunc
	done   chan struct{}
	err    error // valid after done
}

// runParts starts the parts one after the other and calls ready after the last.
// When ctx ends or a part returns it stops them, the last started first, each
// completely before the next. Its error is that of the part that ended first.
func runParts(ctx context.Context, log *slog.Logger, parts []Part, ready func()) error {
	ended := make(chan *running, len(parts))
	var started []*running
	first := start(ctx, log, parts, &started, ended)
	if first == nil && ctx.Err() == nil {
		ready()
		select {
		case <-ctx.Done():
		case first = <-ended:
		}
	}
	var err error
	if first != nil {
		err = first.err
		if err == nil && ctx.Err() == nil {
			err = errEnded
		}
		if err != nil {
			err = fmt.Errorf("%s: %w", first.name, err)
		}
	}
	for i := len(started) - 1; i >= 0; i-- {
		r := started[i]
		r.cancel()
		<-r.done
		log.Debug("part stopped", "part", r.name, "err", r.err)
		if err == nil && r.err != nil && !errors.Is(r.err, context.Canceled) {
			err = fmt.Errorf("%s: %w", r.name, r.err)
		}
	}
	return err
}

// start starts parts until all are ready, ctx ends, or one ends, which it returns.
func start(ctx context.Context, log *slog.Logger, parts []Part, started *[]*running, ended chan *running) *running {
	for _, p := range parts {
		// Each has a context of its own: they are stopped one by one.
		pctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
		r := &running{name: p.Name, cancel: cancel, done: make(chan struct{})}
		*started = append(*started, r)
		isReady := make(chan struct{}, 1)
		go func() {
			r.err = p.Run(pctx, func() {
				select {
				case isReady <- struct{}{}:
				default:
				}
			})
			close(r.done)
			ended <- r
		}()
		select {
		case <-isReady:
			log.Debug("part ready", "part", p.Name)
		case r := <-ended:
			return r
		case <-ctx.Done():
			return nil
		}
	}
	return nil
}
