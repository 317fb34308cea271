package personality

import (
	"fmt"
	"slices"

	"govtl/scsi/page"
)

// counter and binary make log parameters of the two usual control bytes.
func counter(code uint16, length int, name string) page.Param {
	return page.Param{Code: code, Name: name, Length: length, Control: page.ControlCounter}
}

func binary(code uint16, length int, name string) page.Param {
	return page.Param{Code: code, Name: name, Length: length, Control: page.ControlBinary}
}

func ascii(code uint16, length int, name string) page.Param {
	return page.Param{Code: code, Name: name, Length: length, Control: page.ControlASCII}
}

// counters makes parameters of one length with consecutive codes.
func counters(first uint16, length int, names ...string) []page.Param {
	var l []page.Param
	for i, n := range names {
		l = append(l, counter(first+uint16(i), length, n))
	}
	return l
}

// errorCounters are the parameters of log pages 02h and 03h, SPC-4 7.3.22.
func errorCounters(processed int) []page.Param {
	l := counters(0, 4, "Errors corrected without substantial delay", "Errors corrected with possible delays",
		"Total rewrites or rereads", "Total errors corrected", "Times correction algorithm processed")
	return append(l, counter(5, processed, "Total processed"), counter(6, 4, "Total uncorrected errors"))
}

// logPages are the log pages that a sequential-access model can pick, in the form
// of IBM LTO drives. "XXh/form" in a model picks another vendor's form.
var logPages = map[string]page.Log{
	"02": {
		Code: 0x02, Name: "Write Error Counters", Clause: "SPC-4 7.3.22", Resettable: true,
		Params: append(errorCounters(6), counter(0x8000, 8, "Vendor specific"), counter(0x8001, 4, "Vendor specific")),
	},
	"03": {
		Code: 0x03, Name: "Read Error Counters", Clause: "SPC-4 7.3.22", Resettable: true,
		Params: append(errorCounters(6), counter(0x8000, 8, "Vendor specific")),
	},
	"02/standard": {
		Code: 0x02, Name: "Write Error Counters", Clause: "SPC-4 7.3.22", Resettable: true, Params: errorCounters(8),
	},
	"03/standard": {
		Code: 0x03, Name: "Read Error Counters", Clause: "SPC-4 7.3.22", Resettable: true, Params: errorCounters(8),
	},
	"06": {
		Code: 0x06, Name: "Non-Medium Error", Clause: "SPC-4 7.3.12", Resettable: true, ResetByRead: true,
		Params: []page.Param{counter(0, 4, "Non-medium error count")},
	},
	"0C": {
		Code: 0x0C, Name: "Sequential-Access Device", Clause: "SSC-4 8.2.2", Params: []page.Param{
			counter(0x0000, 8, "Data bytes received with WRITE"),
			counter(0x0001, 8, "Data bytes written to media"),
			counter(0x0002, 8, "Data bytes read from media"),
			counter(0x0003, 8, "Data bytes transferred by READ"),
			counter(0x0004, 4, "Megabytes from BOP to EOD"),
			counter(0x0005, 4, "Megabytes from BOP to early warning"),
			counter(0x0006, 4, "Megabytes from early warning to end of partition"),
			counter(0x0007, 4, "Megabytes from BOP to position"),
			counter(0x0008, 4, "Megabytes in buffer"),
			counter(0x0100, 8, "Cleaning requested"),
			counter(0x8000, 4, "Megabytes processed since last cleaning"),
			counter(0x8001, 4, "Lifetime load cycles"),
			counter(0x8002, 4, "Lifetime cleaning cycles"),
			counter(0x8003, 4, "Lifetime power-on seconds"),
		},
	},
	"0D": {
		Code: 0x0D, Name: "Temperature", Clause: "SPC-4 7.3.20", Params: []page.Param{
			{Code: 0, Name: "Temperature", Length: 2, Control: page.ControlBinary, Default: 30},
			{Code: 1, Name: "Reference temperature", Length: 2, Control: page.ControlBinary, Default: 50},
		},
	},
	"0D/01": {
		Code: 0x0D, Subpage: 0x01, Name: "Environmental Reporting", Clause: "IBM GA32-0928 6.4.9", Params: []page.Param{
			// Now, most and least in the drive's life, and since power on; those of the mount are not valid.
			{Code: 0x0000, Name: "Deck temperature", Length: 8, Control: page.ControlBinary, Data: []byte{0, 30, 45, 18, 33, 24, 0, 0}},
			{Code: 0x0100, Name: "Deck relative humidity", Length: 8, Control: page.ControlBinary, Data: []byte{0, 40, 60, 25, 45, 35, 0, 0}},
		},
	},
	"11": {
		Code: 0x11, Name: "DT Device Status", Clause: "ADC-3 6.1.2", Params: []page.Param{
			binary(0x0000, 4, "Very high frequency data"),
			{Code: 0x0001, Name: "Very high frequency polling delay", Length: 2, Control: page.ControlBinary, Default: 100},
			binary(0x0004, 8, "Extended very high frequency data"),
			ascii(0x8000, 8, "Volume label"),
			binary(0x8001, 4, "Volume information"),
		},
	},
	"12": {
		Code: 0x12, Name: "TapeAlert Response", Clause: "ADC-3 6.1.3", Params: []page.Param{binary(0, 8, "Flags 01h to 40h")},
	},
	"14": {
		Code: 0x14, Name: "Device Statistics", Clause: "SSC-4 8.2.4", Resettable: true, Params: deviceStatistics(),
	},
	"14/ibm": {
		Code: 0x14, Name: "Device Statistics", Clause: "SSC-4 8.2.4", Resettable: true,
		Params: append(deviceStatistics(), binary(0x1000, 0, "Medium motion hours by medium type")),
	},
	"14/ibm9": {
		Code: 0x14, Name: "Device Statistics", Clause: "SSC-4 8.2.4", Resettable: true,
		Params: append(deviceStatistics(), binary(0x1000, 0, "Medium motion hours by medium type"),
			page.Param{Code: 0xF001, Name: "Firmware medium optimization version", Length: 1, Control: page.ControlBinary, Default: 1}),
	},
	"16":    {Code: 0x16, Name: "Tape Diagnostic Data", Clause: "SSC-4 8.2.5"},
	"17":    volumeStatistics(0),
	"17/01": volumeStatistics(1),
	"17/02": volumeStatistics(2),
	"18": {
		Code: 0x18, Name: "Protocol Specific Port", Clause: "SPC-4 7.3.15",
		Params: []page.Param{{Code: 1, Name: "Port", Length: 4, Control: page.ControlBinary, Data: []byte{5, 0, 0, 0}}},
	},
	"1A": {
		Code: 0x1A, Name: "Power Condition Transitions", Clause: "SPC-4 7.3.14",
		Params: []page.Param{counter(1, 4, "Accumulated transitions to active"), counter(4, 4, "Accumulated transitions to idle_c")},
	},
	"1B": {Code: 0x1B, Name: "Data Compression", Clause: "SSC-4 8.2.7", Params: compressionParams(page.ControlBinary)},
	"2E": page.TapeAlertLog(),
	"30": {
		Code: 0x30, Name: "Tape Usage", Clause: "IBM GA32-0928", Params: []page.Param{
			counter(1, 4, "Thread count"), counter(2, 8, "Total data sets written"), counter(3, 4, "Total write retries"),
			counter(4, 2, "Total unrecovered write errors"), counter(5, 2, "Total suspended writes"),
			counter(6, 2, "Total fatal suspended writes"), counter(7, 8, "Total data sets read"),
			counter(8, 4, "Total read retries"), counter(9, 2, "Total unrecovered read errors"),
			counter(10, 2, "Total suspended reads"), counter(11, 2, "Total fatal suspended reads"),
		},
	},
	"31": {
		Code: 0x31, Name: "Tape Capacity", Clause: "IBM GA32-0928", CurrentOnly: true, Params: counters(1, 4,
			"Partition 0 remaining capacity", "Partition 1 remaining capacity",
			"Partition 0 maximum capacity", "Partition 1 maximum capacity"),
	},
	"32": {Code: 0x32, Name: "Data Compression", Clause: "IBM GA32-0928", Resettable: true, Params: compressionParams(page.ControlCounter)},
	"33": {
		Code: 0x33, Name: "Device Write Errors", Clause: "IBM GA32-0928", Resettable: true, ResetByRead: true,
		Params: counters(0, 2, slices.Repeat([]string{"Write errors"}, 0x12)...),
	},
	"34": {
		Code: 0x34, Name: "Device Read Errors", Clause: "IBM GA32-0928", Resettable: true, ResetByRead: true,
		Params: counters(0, 2, slices.Repeat([]string{"Read errors"}, 0x1F)...),
	},
	"37": {
		Code: 0x37, Name: "Performance Characteristics", Clause: "IBM GA32-0928", Resettable: true, Params: []page.Param{
			{Code: 0, Name: "Drive efficiency", Length: 1, Control: page.ControlBinary, Default: 1},
			{Code: 1, Name: "Media efficiency", Length: 1, Control: page.ControlBinary, Default: 1},
		},
	},
	"37/64": {
		Code: 0x37, Subpage: 0x64, Name: "Capacity", Clause: "IBM GA32-0928",
		Params: []page.Param{binary(0x7113, 4, "Active capacity loss percentage")},
	},
	"38": {
		Code: 0x38, Name: "Blocks and Bytes Transferred", Clause: "IBM GA32-0928", Resettable: true, ResetByRead: true, Params: []page.Param{
			counter(0x0, 8, "Host write blocks processed"), counter(0x1, 8, "Host write KiB processed"),
			counter(0x2, 8, "Host read blocks processed"), counter(0x3, 8, "Host read KiB processed"),
			counter(0x4, 4, "Device write data sets processed"), counter(0x5, 6, "Device write KiB processed"),
			counter(0x6, 4, "Device read data sets processed"), counter(0x7, 6, "Device read KiB processed"),
			counter(0x8, 4, "Device write data sets with retries"), counter(0x9, 6, "Device write KiB with retries"),
			counter(0xA, 4, "Device read data sets with retries"), counter(0xB, 6, "Device read KiB with retries"),
			counter(0xC, 8, "Nominal capacity of partition"), counter(0xD, 1, "Fraction of partition traversed"),
			counter(0xE, 8, "Nominal capacity of volume"), counter(0xF, 1, "Fraction of volume traversed"),
			counter(0x10, 8, "Remaining capacity of volume"), counter(0x11, 8, "Remaining capacity of partition"),
		},
	},
	"39": {
		Code: 0x39, Name: "Host Port Statistics", Clause: "IBM GA32-0928", Resettable: true, ResetByRead: true,
		Params: []page.Param{counter(0, 2, "Reported by host port"), counter(7, 2, "Recovered errors"), counter(8, 2, "Unrecovered errors"), counter(0x10, 2, "Aborts")},
	},
	"3B": {
		Code: 0x3B, Name: "Service Buffers", Clause: "IBM GA32-0928", Resettable: true, ResetByRead: true,
		Params: []page.Param{counter(0, 2, "Reported by host port"), counter(7, 2, "Recovered errors"), counter(8, 2, "Unrecovered errors"), counter(0x10, 2, "Aborts")},
	},
	"3C": {Code: 0x3C, Name: "Drive Usage Information", Clause: "IBM GA32-0928", Params: counters(1, 3, "Drive thread count", "Total data sets written", "Total write retries")},
	"3D": {Code: 0x3D, Name: "Subsystem Statistics", Clause: "IBM GA32-0928", Params: counters(0x20, 4, "Drive lifetime mounts", "Drive lifetime megabytes written", "Drive lifetime megabytes read")},
	"3E": {
		Code: 0x3E, Name: "Device Status", Clause: "HP Ultrium technical reference, volume 3",
		Params: []page.Param{binary(0, 4, "Device status"), binary(1, 4, "Drive status")},
	},
	"13": {Code: 0x13, Name: "Requested Recovery", Clause: "ADC-3 6.1.4", Params: []page.Param{binary(0, 1, "Recovery procedures")}},
	"15": {Code: 0x15, Name: "Service Buffers Information", Clause: "ADC-3 6.1.6"},
}

// deviceStatistics are the parameters of log page 14h, SSC-4 8.2.4.
func deviceStatistics() []page.Param {
	var l []page.Param
	for i, name := range []string{
		"Lifetime media loads", "Lifetime cleaning operations", "Lifetime power on hours",
		"Lifetime medium motion hours", "Lifetime meters of tape processed",
		"Motion hours at last incompatible load", "Power on hours at last temperature condition",
		"Power on hours at last power consumption condition", "Motion hours since last cleaning",
		"Motion hours since second to last cleaning", "Motion hours since third to last cleaning",
		"Power on hours at last forced reset", "Lifetime power cycles", "Media loads since last parameter reset",
		"Hard write errors", "Hard read errors",
	} {
		l = append(l, binary(uint16(i), 4, name))
	}
	return append(l,
		binary(0x0010, 6, "Duty cycle sample time"), binary(0x0011, 1, "Read duty cycle"),
		binary(0x0012, 1, "Write duty cycle"), binary(0x0013, 1, "Activity duty cycle"),
		binary(0x0014, 1, "Volume not present duty cycle"), binary(0x0015, 1, "Ready duty cycle"),
		ascii(0x0040, 12, "Drive manufacturer's serial number"), ascii(0x0041, 12, "Drive serial number"),
		binary(0x0080, 1, "Medium removal prevented"),
		binary(0x0081, 1, "Maximum recommended mechanism temperature exceeded"))
}

// volumeStatistics is log page 17h: subpage 0 of the volume that was loaded last, 1 and
// 2 of those before.
func volumeStatistics(subpage uint8) page.Log {
	return page.Log{
		Code: 0x17, Subpage: subpage, Name: "Volume Statistics", Clause: "SSC-4 8.2.6", Params: []page.Param{
			binary(0x0000, 1, "Page valid"),
			binary(0x0001, 4, "Thread count"),
			binary(0x0002, 8, "Total data sets written"),
			binary(0x0003, 4, "Total write retries"),
			binary(0x0004, 2, "Total unrecovered write errors"),
			binary(0x0005, 2, "Total suspended writes"),
			binary(0x0006, 2, "Total fatal suspended writes"),
			binary(0x0007, 8, "Total data sets read"),
			binary(0x0008, 4, "Total read retries"),
			binary(0x0009, 2, "Total unrecovered read errors"),
			binary(0x000C, 2, "Last mount unrecovered write errors"),
			binary(0x000D, 2, "Last mount unrecovered read errors"),
			binary(0x000E, 4, "Last mount megabytes written"),
			binary(0x000F, 4, "Last mount megabytes read"),
			binary(0x0010, 8, "Lifetime megabytes written"),
			binary(0x0011, 8, "Lifetime megabytes read"),
			binary(0x0012, 2, "Last load write compression ratio"),
			binary(0x0013, 2, "Last load read compression ratio"),
			binary(0x0014, 6, "Medium mount time"),
			binary(0x0015, 6, "Medium ready time"),
			binary(0x0016, 4, "Total native capacity"),
			binary(0x0017, 4, "Total used native capacity"),
			binary(0x0018, 4, "Volume native capacity design"),
			binary(0x0019, 1, "Volume life remaining"),
			ascii(0x0040, 32, "Volume serial number"),
			ascii(0x0041, 8, "Tape lot identifier"),
			ascii(0x0042, 32, "Volume barcode"),
			ascii(0x0043, 8, "Volume manufacturer"),
			ascii(0x0044, 4, "Volume license code"),
			ascii(0x0045, 9, "Volume personality"),
			binary(0x0080, 1, "Write protect"),
			binary(0x0081, 1, "WORM"),
			binary(0x0082, 1, "Maximum recommended tape path temperature exceeded"),
			binary(0x0101, 4, "Beginning of medium passes"),
			binary(0x0102, 4, "Middle of tape passes"),
			binary(0x0200, 0, "Logical position of first encrypted logical object"),
			binary(0x0201, 0, "Logical position of first unencrypted logical object after the first encrypted one"),
			binary(0x0202, 0, "Native capacity of partitions"),
			binary(0x0203, 0, "Used native capacity of partitions"),
			binary(0x0204, 0, "Remaining native capacity to early warning of partitions"),
		},
	}
}

// compressionParams are the parameters of log pages 1Bh and 32h, SSC-4 8.2.7.
func compressionParams(control uint8) []page.Param {
	l := append(counters(0, 2, "Read compression ratio x 100", "Write compression ratio x 100"), counters(2, 4,
		"Megabytes transferred to initiator", "Bytes transferred to initiator",
		"Megabytes read from tape", "Bytes read from tape",
		"Megabytes transferred from initiator", "Bytes transferred from initiator",
		"Megabytes written to tape", "Bytes written to tape")...)
	for i := range l {
		l[i].Control = control
	}
	if control == page.ControlBinary { // the page of the standard
		l = append(l, binary(0x100, 1, "Data compression enabled"))
	}
	return l
}

// LogChange is what a model changes of a log page.
type LogChange struct {
	Without  []uint16 `yaml:"without"`  // parameters that the model has not
	Unlisted bool     `yaml:"unlisted"` // exists, but is in no list
}

// resolveLogPages picks the model's log pages and applies its changes.
func (d *Drive) resolveLogPages() error {
	d.logPages = nil
	for key, c := range d.LogPages {
		if slices.Contains(d.WithoutLogPages, key) {
			continue
		}
		l, ok := logPages[key]
		if !ok {
			return fmt.Errorf("log-pages: there is no page %s", key)
		}
		if page.FindLog(d.logPages, l.Code, l.Subpage) != nil {
			return fmt.Errorf("log-pages: page %02Xh is there in two forms", l.Code)
		}
		for _, code := range c.Without {
			if !slices.ContainsFunc(l.Params, func(p page.Param) bool { return p.Code == code }) {
				return fmt.Errorf("log-pages: page %s has no parameter %04Xh", key, code)
			}
		}
		l = l.Without(c.Without...)
		l.Unlisted = l.Unlisted || c.Unlisted
		d.logPages = append(d.logPages, l)
	}
	return nil
}

// LogPageList are the log pages of the model.
func (d *Drive) LogPageList() []page.Log { return slices.Clone(d.logPages) }
