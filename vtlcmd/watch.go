package main

import (
	"context"
	"encoding/json"
	"fmt"

	"govtl/bus"
)

// watch prints events until it is interrupted.
func watch(ctx context.Context, c *call) error {
	if err := c.connect(ctx); err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	broken := make(chan error, 1)
	err := bus.Subscribe(ctx, c.conn, func(e bus.Event) {
		line := []byte(e.String())
		if c.json {
			var err error
			if line, err = json.Marshal(e); err != nil {
				return
			}
		}
		if _, err := fmt.Fprintf(c.stdout, "%s\n", line); err != nil {
			select {
			case broken <- err:
			default:
			}
		}
	})
	if err != nil {
		return err
	}
	if !c.json {
		fmt.Fprintln(c.stderr, "watching; Ctrl-C ends it")
	}
	select {
	case <-ctx.Done():
		return nil
	case err := <-broken:
		return err
	}
}
