package mhvtl

import "testing"

// TestLayouts holds the structures against the offsets that were found in real
// cartridges.
func TestLayouts(t *testing.T) {
	for _, c := range []struct {
		name   string
		layout layout
		size   int
		at     map[key]int
	}{
		{"packed, 0.18-2 to 1.7-3", threeFiles(1), memoryStruct, map[key]int{
			keyRemaining: 8, keyCapacity: 16, 0x0002: 24, keyLoads: 32, 0x0004: 40, keyOrganization: 48, 0x0007: 56,
			0x020A: 58, 0x020D: 178, keyWritten: 218, keyRead: 226, 0x0222: 234, 0x0223: 242, keyManufacturer: 250, keySerial: 258,
			0x0402: 290, 0x0403: 294, keyAssigning: 298, keyMade: 306, keyFormatted: 318, keyDensity: 319, keyKind: 320,
			0x0407: 322, keyInformation: 330, 0x0800: 332, 0x0801: 340, 0x0802: 372, 0x0803: 380, 0x0804: 540, 0x0805: 552, 0x0806: 553,
			0x0807: 585, 0x0808: 665, keyDirty: 825, keyFlags: 826, keyBits: 828, keyTracks: 832, keyDensityName: 834, keyDescription: 842,
			keyMaxPartitions: 876,
		}},
		{"aligned, 0.16-11 and 0.18-1", threeFiles(8), memoryStruct, map[key]int{
			0x020A: 58, keyWritten: 224, keyRead: 232, 0x0222: 240, 0x0223: 248, keyManufacturer: 256, keySerial: 264, 0x0402: 296, 0x0403: 300,
			keyAssigning: 304, keyMade: 312, keyFormatted: 324, keyDensity: 325, keyKind: 326, 0x0407: 328, keyInformation: 336,
			0x0800: 338, 0x0801: 346, 0x0802: 378, 0x0803: 386, 0x0804: 546, 0x0805: 558, 0x0806: 559, 0x0807: 591, 0x0808: 671,
			keyDirty: 831, keyFlags: 832, keyBits: 836,
		}},
		{"0.15", oldSingleFile(true, 8), memoryOld15, map[key]int{keyFormatted: 56, keyDensity: 312, keyKind: 336, keyBits: 836}},
		{"0.12", oldSingleFile(false, 8), memoryOld12, map[key]int{keyFormatted: 56, keyDensity: 312, keyKind: 336, keyDirty: 1089}},
	} {
		b := make([]byte, c.size)
		fields := c.layout.fields(b)
		for k, at := range c.at {
			f := fields[k]
			if f == nil || &f[0] != &b[at] {
				t.Errorf("%s: field %05Xh is not at %d", c.name, uint32(k), at)
			}
		}
	}
}

// TestLengths: the files of attributes are as long as real ones.
func TestLengths(t *testing.T) {
	m := randomModel(1, 1)
	if n := len(m.attributes(make([]byte, 8), mamOrder, mamLength)); n != 1071 {
		t.Errorf("mam has %d bytes, want 1071", n)
	}
	if n := len(m.attributes(nil, ownOrder, ownLength)); n != 358 {
		t.Errorf("mhvtl_data has %d bytes, want 358", n)
	}
}

// TestDoubtfulStructure: whether a structure is packed is found out for all that
// it may hold.
func TestDoubtfulStructure(t *testing.T) {
	for _, align := range []int{1, 8} {
		for seed := range uint64(50) {
			m := randomModel(seed, 1)
			m.kind = uint8(seed % 3)
			m.capacity = seed << 40
			got := threeFilesMemory(m.structure(threeFiles(align), memoryStruct))
			if got.Serial != testSerial || got.Density != 0x5A || got.Kind != m.kind || got.Capacity != int64(m.capacity) {
				t.Errorf("aligned to %d: %+v", align, got)
			}
		}
	}
}
