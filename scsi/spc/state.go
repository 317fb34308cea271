package spc

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
)

// ErrState means that Config.State cannot be understood.
var ErrState = errors.New("spc: saved state is damaged")

// ErrVersion means that a newer program has saved Config.State: going on without
// it would lose pages and reservations.
var ErrVersion = errors.New("spc: saved state is of a newer version")

// stateVersion is the version of the document that Save keeps.
const stateVersion = 1

// document is what survives a restart.
type document struct {
	Version     int            `json:"version"`
	Modes       []byte         `json:"modes,omitempty"` // page.Modes.AppendSaved
	Identifying identifying    `json:"identifying"`
	Registrants []registration `json:"registrants,omitempty"`
	Type        uint8          `json:"type,omitempty"`
	Holder      int            `json:"holder"` // index of Registrants, -1 without one
}

type registration struct {
	Port string `json:"port"`
	Key  uint64 `json:"key,string"`
}

// save keeps what has to survive a restart. That it fails is logged; the
// initiator has no use for it.
func (c *Core) save() {
	if c.cfg.Save == nil {
		return
	}
	d := document{Version: stateVersion, Identifying: c.ident, Holder: -1}
	if c.cfg.Modes != nil {
		d.Modes = c.cfg.Modes.AppendSaved(nil)
	}
	if c.pr.aptpl {
		for i, r := range c.pr.regs {
			d.Registrants = append(d.Registrants, registration{r.port, r.key})
			if r == c.pr.holder {
				d.Holder = i
			}
		}
		d.Type = c.pr.kind
	}
	doc, err := json.Marshal(d)
	if err == nil {
		err = c.cfg.Save(doc)
	}
	if err != nil {
		c.cfg.Log.Error("state is not saved", "err", err)
	}
}

// restore takes back what save kept.
func (c *Core) restore(doc []byte) error {
	if len(doc) == 0 {
		return nil
	}
	var d document
	if err := json.Unmarshal(doc, &d); err != nil {
		return fmt.Errorf("%w: %w", ErrState, err)
	}
	if d.Version > stateVersion {
		return fmt.Errorf("%w: %d, and this program knows %d", ErrVersion, d.Version, stateVersion)
	}
	if d.Version != stateVersion {
		return fmt.Errorf("%w: version %d, not %d", ErrState, d.Version, stateVersion)
	}
	if len(d.Identifying.Device) > maxDeviceInfo || len(d.Identifying.Text) > maxTextInfo {
		return fmt.Errorf("%w: identifying information is too long", ErrState)
	}
	if c.cfg.Modes != nil && d.Modes != nil {
		if err := c.cfg.Modes.Restore(d.Modes); err != nil {
			return fmt.Errorf("%w: %w", ErrState, err)
		}
	}
	c.ident = d.Identifying
	p := &c.pr
	for _, r := range d.Registrants {
		if p.findPort(r.Port) != nil || r.Key == 0 || len(r.Port) > maxPortName || len(p.regs) == maxRegistrants {
			return fmt.Errorf("%w: registrant %q", ErrState, r.Port)
		}
		p.add(r.Port, nil, r.Key)
	}
	p.aptpl = len(p.regs) > 0
	if d.Type == 0 || len(p.regs) == 0 {
		return nil
	}
	if !slices.Contains(allTypes, d.Type) {
		return fmt.Errorf("%w: reservation type %d", ErrState, d.Type)
	}
	p.kind = d.Type
	switch {
	case p.allRegistrants():
	case d.Holder >= 0 && d.Holder < len(p.regs):
		p.holder = p.regs[d.Holder]
	default:
		return fmt.Errorf("%w: nobody holds the reservation", ErrState)
	}
	return nil
}
