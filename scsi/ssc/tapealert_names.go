package ssc

// AlertNames are the names of the TapeAlert flags of a mask, in which bit 0 is
// flag 1, as SSC-4 annex A has them.
func AlertNames(mask uint64) []string {
	var l []string
	for i, n := range alertNames {
		if mask>>i&1 == 1 {
			l = append(l, n)
		}
	}
	return l
}

var alertNames = [64]string{
	"read warning", "write warning", "hard error", "medium", "read failure", "write failure", "medium life",
	"not data grade", "write protect", "medium removal prevented", "cleaning medium", "unsupported format",
	"recoverable mechanical cartridge failure", "unrecoverable mechanical cartridge failure",
	"memory chip in cartridge failure", "forced eject", "read-only format", "tape directory corrupted on load",
	"nearing medium life", "cleaning required", "cleaning requested", "expired cleaning medium",
	"invalid cleaning tape", "retension requested", "multi-port interface error on a primary port",
	"cooling fan failure", "power supply failure", "power consumption", "drive preventive maintenance required",
	"hardware A", "hardware B", "primary interface", "eject medium", "microcode update fail", "drive humidity",
	"drive temperature", "drive voltage", "predictive failure", "diagnostics required",
	"obsolete 28h", "obsolete 29h", "obsolete 2Ah", "obsolete 2Bh", "obsolete 2Ch", "obsolete 2Dh", "obsolete 2Eh",
	"external data encryption control - communications failure", "external data encryption control - key manager returned an error",
	"diminished native capacity", "lost statistics", "tape directory invalid at unload", "tape system area write failure",
	"tape system area read failure", "no start of data", "loading or threading failure", "unrecoverable unload failure",
	"automation interface failure", "microcode failure", "WORM medium - integrity check failed",
	"WORM medium - overwrite attempted", "encryption policy violation", "reserved 3Eh", "reserved 3Fh", "reserved 40h",
}
