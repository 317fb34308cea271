package station

import (
	"errors"

	"govtl/bus"
)

// Codes says how the refusals of a device travel on the bus.
type Codes []struct {
	Err  error
	Code bus.Code
}

// Of is the code of a refusal; false: the table does not know it.
func (c Codes) Of(err error) (bus.Code, bool) {
	for _, e := range c {
		if errors.Is(err, e.Err) {
			return e.Code, true
		}
	}
	return "", false
}

// Coded gives a refusal its code, the reason in words. Another error stays as it
// is, nil too.
func (c Codes) Coded(err error) error {
	if code, ok := c.Of(err); ok {
		return bus.Errorf(code, "%v", err)
	}
	return err
}
