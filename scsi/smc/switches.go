package smc

import (
	"encoding/json"
	"errors"
	"io/fs"

	"govtl/internal/vfs"
)

// switches is what an operator has set by hand and finds as it was when the
// changer starts again: a door does not close by itself, and a library that was
// taken out of service is not back in it because its daemon died.
type switches struct {
	Offline bool `json:"offline,omitempty"`
	Door    bool `json:"doorOpen,omitempty"`
}

// maxSwitches bounds the file, in bytes.
const maxSwitches = 4096

// readSwitches reads what writeSwitches wrote. Without a file all is as in a new
// library: online, the door closed.
func (s *store) readSwitches() (w switches, err error) {
	b, err := s.fs.ReadFile(s.path(switchesName), maxSwitches)
	if errors.Is(err, fs.ErrNotExist) {
		return w, nil
	}
	if err != nil {
		return w, err
	}
	if err := json.Unmarshal(b, &w); err != nil {
		return switches{}, err
	}
	return w, nil
}

func (s *store) writeSwitches(w switches) error {
	b, err := json.Marshal(w)
	if err != nil {
		return err
	}
	return vfs.ReplaceFile(s.fs, s.path(switchesName), append(b, '\n'), 0o600)
}

// setSwitches is for the start, when nobody else has the changer.
func (c *Changer) setSwitches(w switches, err error) {
	if err != nil {
		c.log.Error("whether door and library are open does not read back; both are as in a new library", "err", err)
	}
	c.offline, c.door = w.Offline, w.Door
}

// keepSwitches saves the switches. A failure is told and changes nothing else:
// the door is open all the same.
func (c *Changer) keepSwitches() {
	c.switching.Lock()
	defer c.switching.Unlock()
	c.mu.Lock()
	w := switches{Offline: c.offline, Door: c.door}
	c.mu.Unlock()
	if err := c.store.writeSwitches(w); err != nil {
		c.log.Error("door and availability cannot be saved: a restart forgets them", "err", err)
	}
}
