package smc

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// missedPulses is how many questions in a row the process of a drive may leave
// unanswered while it loads or unloads. A busy host is no dead drive.
const missedPulses = 3

// errStartedAgain: whoever was asked to do something is not there any more.
var errStartedAgain = errors.New("its daemon was started again meanwhile")

// watched calls a drive for what takes long, and gives up, with ErrUnreachable,
// as soon as the process that was called cannot answer any more: it is stopped, or
// another has taken its place. A load that is merely slow is waited for.
func (c *Changer) watched(ctx context.Context, d *drive, call func(context.Context) error) error {
	if c.opt.Alive == nil {
		return call(ctx)
	}
	called, err := c.alive(ctx, d)
	if err != nil {
		return err
	}
	ctx, giveUp := context.WithCancelCause(ctx)
	watched := make(chan bool)
	defer func() {
		giveUp(nil)
		<-watched
	}()
	go func() {
		defer close(watched)
		giveUp(c.watch(ctx, d, called))
	}()
	err = call(ctx)
	if why := context.Cause(ctx); err != nil && ctx.Err() != nil && why != nil && !errors.Is(why, ctx.Err()) {
		return fmt.Errorf("%w: drive %d: %w", ErrUnreachable, d.ID, why)
	}
	return err
}

// watch returns when ctx ends or the process that was called is gone, and why.
func (c *Changer) watch(ctx context.Context, d *drive, called string) error {
	tick := time.NewTicker(c.opt.Pulse)
	defer tick.Stop()
	missed := 0
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		now, err := c.alive(ctx, d)
		switch {
		case ctx.Err() != nil:
			return nil
		case err != nil:
			if missed++; missed == missedPulses {
				return err
			}
		case now != called:
			return errStartedAgain
		default:
			missed = 0
		}
	}
}

// alive asks the process of a drive which it is.
func (c *Changer) alive(ctx context.Context, d *drive) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, c.opt.ProbeTimeout)
	defer cancel()
	return c.opt.Alive(ctx, d.ID)
}
