package bus

// What every device offers, drive and library alike.

// DriveDevice names drive id.
func DriveDevice(id int) Device { return Device{Kind: Drive, ID: id} }

// LibraryDevice names library id.
func LibraryDevice(id int) Device { return Device{Kind: Library, ID: id} }

// PortalDevice names the portal.
func PortalDevice() Device { return Device{Kind: Portal} }

// VerboseRequest sets how much a daemon logs: 0 errors and state changes, 3
// everything. Without a level it goes one down and from 0 to 3, as operators of
// mhVTL know it.
type VerboseRequest struct {
	Level *int `json:"level,omitempty"`
}

// Verbosity is the level that holds now.
type Verbosity struct {
	Level int `json:"level"`
}

// Verbose sets or steps the log level of a daemon.
func Verbose(d Device) Endpoint[VerboseRequest, Verbosity] {
	return endpoint[VerboseRequest, Verbosity](d, "verbose")
}

// Debug steps through the levels of the command trace and answers the new one.
func Debug(d Device) Endpoint[Empty, Verbosity] {
	return endpoint[Empty, Verbosity](d, "debug")
}

// Exit asks a daemon to end, gracefully; it answers before it does.
func Exit(d Device) Endpoint[Empty, Empty] {
	return endpoint[Empty, Empty](d, "exit")
}

// Reload asks a daemon to apply the configuration file as it is now.
func Reload(d Device) Endpoint[Empty, ReloadReply] {
	return endpoint[Empty, ReloadReply](d, "reload")
}

// ReloadReply says what the new configuration changed, one sentence each.
type ReloadReply struct {
	Changes []string `json:"changes,omitempty"`
}

// AlertRequest sets TapeAlert flags: bit n-1 is flag n.
type AlertRequest struct {
	Flags uint64 `json:"flags"`
}

// AlertReply lists the flags that are set now.
type AlertReply struct {
	Flags uint64   `json:"flags"`
	Names []string `json:"names,omitempty"`
}

// TapeAlert sets a device's TapeAlert flags.
func TapeAlert(d Device) Endpoint[AlertRequest, AlertReply] {
	return endpoint[AlertRequest, AlertReply](d, "tapealert")
}

// InquiryDataChanged makes the device report UNIT ATTENTION, INQUIRY DATA HAS
// CHANGED (3Fh/03h) to every initiator.
func InquiryDataChanged(d Device) Endpoint[Empty, Empty] {
	return endpoint[Empty, Empty](d, "inquiry-data-changed")
}

// Session is one iSCSI session with a device.
type Session struct {
	Initiator   string `json:"initiator"` // iSCSI name
	ISID        string `json:"isid"`
	TSIH        uint16 `json:"tsih"`
	Address     string `json:"address"` // of the initiator
	Since       string `json:"since"`   // RFC 3339
	Connections int    `json:"connections"`
	Commands    uint64 `json:"commands"`
	BytesIn     uint64 `json:"bytesIn"`
	BytesOut    uint64 `json:"bytesOut"`
}

// TargetStatusReply tells of the iSCSI side of a device.
type TargetStatusReply struct {
	Name     string    `json:"name"` // iSCSI name of the target
	Ready    bool      `json:"ready"`
	Instance string    `json:"instance,omitempty"` // differs for each start of the daemon
	Sessions []Session `json:"sessions,omitempty"`
}

// TargetStatus asks a device for its iSCSI sessions.
func TargetStatus(d Device) Endpoint[Empty, TargetStatusReply] {
	return endpoint[Empty, TargetStatusReply](d, "target-status")
}
