package ssc

import (
	"govtl/libcart"
	"govtl/scsi/personality"
)

// medium is what is in the drive, from Insert to Remove.
type medium struct {
	dir, barcode string
	info         libcart.Info
	model        *personality.Medium // nil: no model describes it
	kind         string              // personality.KindData ...

	// becomes is what the first write makes of a new medium; nil: nothing else.
	becomes *personality.Medium

	// cart is open while the medium is loaded (threaded), else nil.
	cart *libcart.Cartridge

	// memoryOnly: unloaded with HOLD, seated with its memory readable.
	memoryOnly bool

	// usedUp: a cleaning cartridge that cleans no more.
	usedUp bool

	// lost: the position is not known, see Drive.Resume.
	lost bool

	// readOnly: the drive reads this generation and does not write it.
	readOnly bool

	// appendAt is a position that is known to be an append point; it is valid
	// while appendKnown and the position is still that.
	appendAt    libcart.Position
	appendKnown bool

	// dirty: something was written since the last synchronisation.
	dirty bool

	// changed: the volume change reference was advanced, and nobody has read
	// it since.
	changed bool

	// warned: the programmable early warning of this entry was reported.
	warned bool

	// pending is what mode page 11h asks FORMAT MEDIUM to do; nil: nothing.
	pending *partitioning

	// capacitySet: SET CAPACITY made mode page 11h out of date.
	capacitySet bool
}

// loaded reports whether there is a threaded medium that can be positioned.
func (m *medium) loaded() bool { return m != nil && m.cart != nil }

// kindName is the word for a cartridge kind.
func kindName(k libcart.Kind) string {
	switch k {
	case libcart.Cleaning:
		return personality.KindClean
	case libcart.WORM:
		return personality.KindWORM
	case libcart.Null:
		return personality.KindNull
	}
	return personality.KindData
}
