package mhvtl

import (
	"encoding/binary"
	"fmt"

	"govtl/libcart"
)

// storeMemory stores what hosts have stored on the old cartridge.
func (c *converter) storeMemory(cart *libcart.Cartridge) error {
	m := c.tape.Memory
	list := m.Attributes
	if m.volumeLock != 0 {
		list = append(list, libcart.Attribute{ID: uint16(keyLock), Value: []byte{m.volumeLock}})
	}
	for i := range c.tape.parts {
		if b := m.Coherency[i]; b != nil {
			list = append(list, libcart.Attribute{ID: uint16(keyCoherency), Value: coherency(b)})
		}
		if err := cart.SetAttributes(uint8(i), list); err != nil {
			return err
		}
		list = nil
	}
	return cart.SetWriteProtect(m.WriteProtected)
}

// coherency is a VOLUME COHERENCY INFORMATION (SPC-4 7.4.2.4.15) without the
// bytes that mhVTL has behind it: a counted reference value, a count and a set
// identifier of 8 bytes each, and counted information of the application.
func coherency(b []byte) []byte {
	at := 1 + int(b[0]) + 16
	if at+2 > len(b) {
		return b
	}
	if n := at + 2 + int(binary.BigEndian.Uint16(b[at:])); n <= len(b) {
		return b[:n]
	}
	return b
}

// noteMemory notes what the new cartridge memory has not.
func (c *converter) noteMemory() {
	m := c.tape.Memory
	if m.Loads > 0 || m.Written > 0 || m.Read > 0 {
		c.notes.add("memory", "its counters begin anew: it had been loaded %d times, %d bytes written and %d read", m.Loads, m.Written, m.Read)
	}
	if m.Encrypted {
		c.notes.add("memory", "it was formatted for encryption; the new one is not")
	}
	if m.Kind == kindClean {
		c.notes.add("memory", "it was good for %d cleanings; the new one begins anew", m.cleaningsLeft)
	}
	if m.Dirty {
		c.notes.add("memory", "it had not been unloaded properly")
	}
	for i, p := range c.report.Partitions {
		where := fmt.Sprintf("partition %d", i)
		if p.Encrypted > 0 {
			c.notes.add(where, "%d blocks had been written with encryption; mhVTL stores them in clear beside their key, and so are they now; the keys are dropped", p.Encrypted)
		}
		if p.LostReason != "" {
			c.notes.add(where, "%s: %d objects behind block %d could not be carried", p.LostReason, p.Lost, p.Blocks+p.Filemarks)
		}
	}
}
