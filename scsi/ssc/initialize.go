package ssc

import (
	"strings"

	"govtl/libcart"
	"govtl/scsi/personality"
)

// intended is what the first write shall make of a medium that was just threaded:
// the one that its barcode names, when the medium is new and the model can. nil:
// it stays what it is.
func (d *Drive) intended(m *medium) *personality.Medium {
	to, ok := d.model.Initializes[m.info.Medium]
	if !ok || m.info.Kind != libcart.Data || m.info.WriteProtected || m.cart.Counters().LifetimeHostWritten > 0 {
		return nil
	}
	for p := range m.cart.Partitions() {
		if m.cart.Capacity(uint8(p)).Used > 0 {
			return nil
		}
	}
	medium, ok := d.model.Medium(to)
	if !ok {
		return nil
	}
	for _, suffix := range medium.Suffixes[personality.KindData] {
		if strings.HasSuffix(strings.ToUpper(m.barcode), suffix) {
			return medium
		}
	}
	return nil
}

// become makes a new medium what it is intended to be: for good. Its capacity
// changes as that of the real ones does.
func (d *Drive) become() error {
	m := d.in
	if m.becomes == nil {
		return nil
	}
	to := m.becomes
	capacity := to.CapacityBytes()
	if native := m.model.CapacityBytes(); native > 0 && m.info.Capacity != native {
		capacity = int64(float64(m.info.Capacity) / float64(native) * float64(capacity))
	}
	if err := m.cart.Become(to.Density, to.Name, capacity); err != nil {
		return d.writeError(err)
	}
	m.info, m.model, m.becomes = m.cart.Info(), to, nil
	d.moved()
	d.event("initialized", m.barcode, "as %s", to.Title)
	return nil
}

// optimize is what a load does with a medium that was marked as in need of
// optimization: it is optimized, which takes no time here.
func (d *Drive) optimize(c *libcart.Cartridge) {
	if a, err := c.Attribute(0, attrOptimizationNeeded); err != nil || len(a.Value) != 1 || a.Value[0] == 0 {
		return
	}
	if err := c.SetAttributes(0, []libcart.Attribute{{ID: attrOptimizationNeeded}}); err != nil {
		d.log.Warn("the medium was not noted as optimized", "err", err)
	}
}
