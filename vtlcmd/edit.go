package main

import (
	"context"
	"fmt"
	"strconv"

	"govtl/bus"
)

func addSlot(ctx context.Context, c *call) error {
	n := 1
	if s, ok := c.args["N"]; ok {
		var err error
		if n, err = strconv.Atoi(s); err != nil || n < 1 {
			return usageError{fmt.Sprintf("%q is no number of slots", s)}
		}
	}
	r, err := ask(ctx, c.app, quick, bus.LibraryAddSlot(c.device.ID), bus.AddSlotRequest{Count: n})
	if err != nil {
		return err
	}
	return c.print(fmt.Sprintf("slot=%d", r.Slots), r)
}
