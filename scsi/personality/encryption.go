package personality

import "fmt"

// Encryptor is what SECURITY PROTOCOL IN says of a drive that encrypts, SSC-4
// 8.5.2.4: the Data Encryption Capabilities page.
type Encryptor struct {
	// Configuration is byte 4 of the page: EXTDECC and CFG_P.
	Configuration uint8 `yaml:"configuration"`

	// Flags is byte 4 of each algorithm descriptor without AVFMV; Fields byte 5
	// without AVFCP; Modes byte 12: DKAD_C, EEMC_C, RDMC_C, EAREM.
	Flags  uint8 `yaml:"flags"`
	Fields uint8 `yaml:"fields"`
	Modes  uint8 `yaml:"modes"`

	// ReportsWrite: AVFCP says whether the loaded volume can be encrypted.
	ReportsWrite bool `yaml:"reports-write"`

	// Code is the security algorithm code, SPC-4 table 507.
	Code uint32 `yaml:"code"`

	Algorithms []Algorithm `yaml:"algorithms"`

	// AnyIndex: SET DATA ENCRYPTION takes every algorithm index.
	AnyIndex bool `yaml:"any-index"`

	// NotRaw is the additional sense code of a raw read of a block that was not
	// enabled for it; 0: 74h/0Ah. ChangedKAD, when not 0, is that of a key that does
	// not fit a block whose key-associated data are not those of the block before.
	NotRaw     uint16 `yaml:"not-raw"`
	ChangedKAD uint16 `yaml:"changed-kad"`

	// Wrapping: keys may come wrapped with the drive's public key (RSA 2048), and
	// the drive hands out random numbers.
	Wrapping bool `yaml:"wrapping"`

	// KeyLimit is how many wrong keys in a row may be tried on one volume; 0: any.
	KeyLimit int `yaml:"key-limit"`
}

// Algorithm is one algorithm index. U-KAD and A-KAD are the longest key-associated
// data, in bytes.
type Algorithm struct {
	Index uint8  `yaml:"index"`
	UKAD  uint16 `yaml:"u-kad"`
	AKAD  uint16 `yaml:"a-kad"`
}

// maxKAD bounds key-associated data in bytes.
const maxKAD = 256

// External reports whether blocks may be written that were encrypted elsewhere:
// EEMC_C is 2.
func (e *Encryptor) External() bool { return e.Modes>>4&0x03 == 2 }

// Raw reports whether encrypted blocks may be read as they are: RDMC_C is 4 to 7.
func (e *Encryptor) Raw() bool { return e.Modes&0x08 != 0 }

// Algorithm returns the descriptor of an algorithm index. With AnyIndex an index
// that is not there is as the last one.
func (e *Encryptor) Algorithm(index uint8) (Algorithm, bool) {
	for _, a := range e.Algorithms {
		if a.Index == index {
			return a, true
		}
	}
	if n := len(e.Algorithms); e.AnyIndex && n > 0 {
		return e.Algorithms[n-1], true
	}
	return Algorithm{}, false
}

// check refuses what cannot be.
func (e *Encryptor) check(used bool) error {
	if used && len(e.Algorithms) == 0 {
		return fmt.Errorf("encryption: the capability without an algorithm")
	}
	if e.Configuration > 0x0F || e.Flags&0x80 != 0 || e.Fields&0xC0 != 0 {
		return fmt.Errorf("encryption: a value is too wide")
	}
	seen := map[uint8]bool{}
	for _, a := range e.Algorithms {
		if seen[a.Index] || a.UKAD > maxKAD || a.AKAD > maxKAD {
			return fmt.Errorf("encryption: algorithm %d: twice, or more than %d bytes of key-associated data", a.Index, maxKAD)
		}
		seen[a.Index] = true
	}
	return nil
}
