package ssc

// The TapeAlert flags that the drive raises itself, SSC-4 annex A.
const (
	alertReadFailed         = 0x05
	alertWriteFailed        = 0x06
	alertWriteProtect       = 0x09
	alertNoRemoval          = 0x0A
	alertCleaningMedium     = 0x0B
	alertUnsupportedFormat  = 0x0C
	alertCartridgeMemory    = 0x0F
	alertForcedEject        = 0x10
	alertReadOnlyGeneration = 0x11
	alertCleanNow           = 0x14
	alertCleanPeriodic      = 0x15
	alertCleanerUsedUp      = 0x16
	alertInvalidCleaner     = 0x17
	alertCapacityReduced    = 0x31
	alertLoadFailed         = 0x37
	alertWORMIntegrity      = 0x3B
	alertEncryptionPolicy   = 0x3D
	alertWORMOverwrite      = 0x3C
)

// The flags that end with the medium's leaving, and with the next load.
var (
	alertsOfMedium = []int{alertReadFailed, alertWriteFailed, alertWriteProtect, alertNoRemoval,
		alertCleaningMedium, alertUnsupportedFormat, alertCartridgeMemory, alertReadOnlyGeneration, alertLoadFailed,
		alertWORMIntegrity, alertWORMOverwrite}
	alertsUntilLoad = []int{0x07, alertForcedEject, alertCapacityReduced, 0x33, 0x34, 0x3D}
)

// raise sets TapeAlert flags.
func (d *Drive) raise(flags ...int) {
	for _, f := range flags {
		d.alerts.Set(f)
	}
}
