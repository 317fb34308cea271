package bus

// Volume is a cartridge as a library hands it to a drive.
type Volume struct {
	Barcode string `json:"barcode"`
	Dir     string `json:"dir"`              // directory of the cartridge
	Kind    string `json:"kind,omitempty"`   // data, clean, WORM, NULL
	Medium  string `json:"medium,omitempty"` // medium model, such as "LTO9"

	// Inverted: the second side of a disc is up.
	Inverted bool `json:"inverted,omitempty"`
}

// InsertRequest puts a volume into a drive and loads it. Repeated with the same
// MoveID it changes nothing and answers the same.
type InsertRequest struct {
	Volume Volume `json:"volume"`
	MoveID string `json:"moveId"`
}

// DriveInsert is how a library loads a drive. It fails with CodeIncompatible,
// CodeDriveFull, CodeVolume.
func DriveInsert(id int) Endpoint[InsertRequest, Empty] {
	return endpoint[InsertRequest, Empty](DriveDevice(id), "insert")
}

// RemoveRequest takes the volume out of a drive, unloading it first when it is
// loaded. Repeated with the same MoveID it changes nothing and answers the same.
type RemoveRequest struct {
	Barcode string `json:"barcode"`
	MoveID  string `json:"moveId"`
}

// DriveRemove is how a library empties a drive. When it succeeds all that was
// acknowledged is durable. It fails with CodeDriveEmpty, CodeRefused (removal
// prevented), CodeVolume.
func DriveRemove(id int) Endpoint[RemoveRequest, Empty] {
	return endpoint[RemoveRequest, Empty](DriveDevice(id), "remove")
}

// DriveHolds is what a drive says of what is in it.
type DriveHolds struct {
	Barcode          string `json:"barcode,omitempty"` // loaded or ejected; empty: none
	Loaded           bool   `json:"loaded"`            // threaded
	MoveID           string `json:"moveId,omitempty"`  // of the last move in or out
	RemovalPrevented bool   `json:"removalPrevented,omitempty"`
}

// DriveState asks a drive what it holds.
func DriveState(id int) Endpoint[Empty, DriveHolds] {
	return endpoint[Empty, DriveHolds](DriveDevice(id), "state")
}

// LoadRequest loads a cartridge into a drive by its barcode. In a library the
// library moves it; a stand-alone drive looks in its home directory.
type LoadRequest struct {
	Barcode string `json:"barcode"`
}

// UnloadRequest ejects what is loaded. A barcode that is given must be the one
// in the drive.
type UnloadRequest struct {
	Barcode string `json:"barcode,omitempty"`
}

// VolumeReply names the volume that was loaded or unloaded.
type VolumeReply struct {
	Barcode string `json:"barcode,omitempty"`
	Note    string `json:"note,omitempty"`
}

// DriveLoad loads a cartridge into a stand-alone drive. A drive in a library
// answers CodeRefused, and what to type instead.
func DriveLoad(id int) Endpoint[LoadRequest, VolumeReply] {
	return endpoint[LoadRequest, VolumeReply](DriveDevice(id), "load")
}

// DriveUnload unloads the cartridge: a stand-alone drive lets go of it, one in a
// library keeps it, ejected, until the changer takes it.
func DriveUnload(id int) Endpoint[UnloadRequest, VolumeReply] {
	return endpoint[UnloadRequest, VolumeReply](DriveDevice(id), "unload")
}

// SwitchRequest turns something on or off.
type SwitchRequest struct {
	On bool `json:"on"`
}

// DriveAppendOnly turns the append-only mode on or off. It fails with
// CodeRefused on a drive whose model has none.
func DriveAppendOnly(id int) Endpoint[SwitchRequest, Empty] {
	return endpoint[SwitchRequest, Empty](DriveDevice(id), "append-only")
}

// CompressionRequest names the codec: adaptive, lz4, s2, zstd, off.
type CompressionRequest struct {
	Codec string `json:"codec"`
}

// DriveCompression chooses the codec for what is written from now on.
func DriveCompression(id int) Endpoint[CompressionRequest, Empty] {
	return endpoint[CompressionRequest, Empty](DriveDevice(id), "compression")
}

// DelayRequest sets how long one operation takes.
type DelayRequest struct {
	Operation string  `json:"operation"` // load, unload, rewind, position, thread
	Seconds   float64 `json:"seconds"`
}

// DriveDelay sets a delay, in seconds and fractions.
func DriveDelay(id int) Endpoint[DelayRequest, Delays] {
	return endpoint[DelayRequest, Delays](DriveDevice(id), "delay")
}

// Delays are the delays of a drive in seconds.
type Delays struct {
	Model    bool    `json:"model,omitempty"` // the model's real times
	Load     float64 `json:"load"`
	Unload   float64 `json:"unload"`
	Rewind   float64 `json:"rewind"`
	Position float64 `json:"position"`
	Thread   float64 `json:"thread"`
}

// LoadRecord is one line of a drive's load history.
type LoadRecord struct {
	Time    string `json:"time"` // RFC 3339
	Barcode string `json:"barcode"`
	What    string `json:"what"` // loaded, unloaded, refused
	Reason  string `json:"reason,omitempty"`
}

// LoadHistory is the reply to DriveDump.
type LoadHistory struct {
	Loads []LoadRecord `json:"loads"`
}

// DriveDump writes the drive's load list to its log, and answers it.
func DriveDump(id int) Endpoint[Empty, LoadHistory] {
	return endpoint[Empty, LoadHistory](DriveDevice(id), "dump")
}

// TapePosition is where the medium stands.
type TapePosition struct {
	Partition uint8  `json:"partition"`
	Object    uint64 `json:"object"`
	Filemarks uint64 `json:"filemarks"`
	Lost      bool   `json:"lost,omitempty"` // unknown after a restart with a written tape
}

// DriveStatusReply is the whole state of a drive for people and programs.
type DriveStatusReply struct {
	ID       int    `json:"id"`
	Model    string `json:"model"`
	Vendor   string `json:"vendor"`
	Product  string `json:"product"`
	Revision string `json:"revision"`
	Serial   string `json:"serial"`
	Target   string `json:"target"`            // iSCSI name
	Library  int    `json:"library,omitempty"` // 0: stand-alone
	Element  int    `json:"element,omitempty"` // from 1
	PID      int    `json:"pid"`
	Started  string `json:"started"` // RFC 3339
	Version  string `json:"version"`

	State     string         `json:"state"` // a word or two: empty, ready, loading, writing ...
	Holds     DriveHolds     `json:"holds"`
	Medium    string         `json:"medium,omitempty"` // medium model
	Kind      string         `json:"kind,omitempty"`
	Position  TapePosition   `json:"position"`
	Capacity  []TapeCapacity `json:"capacity,omitempty"` // per partition
	WriteProt bool           `json:"writeProtected,omitempty"`
	BlockSize uint32         `json:"blockSize"` // 0: variable

	Compression string        `json:"compression"`
	AppendOnly  bool          `json:"appendOnly,omitempty"`
	Encryption  string        `json:"encryption,omitempty"`
	Delays      Delays        `json:"delays"`
	TapeAlert   uint64        `json:"tapeAlert"`
	Alerts      []string      `json:"alerts,omitempty"`
	Prevented   bool          `json:"removalPrevented,omitempty"`
	Reserved    string        `json:"reservedBy,omitempty"`
	Sessions    []Session     `json:"sessions,omitempty"`
	Counters    DriveCounters `json:"counters"`
	LastError   string        `json:"lastError,omitempty"`
	Note        string        `json:"note,omitempty"` // what recovery did, and the like
}

// TapeCapacity is the room of one partition in bytes as stored.
type TapeCapacity struct {
	Max       int64 `json:"max"`
	Used      int64 `json:"used"`
	Remaining int64 `json:"remaining"`
}

// DriveCounters count since the daemon started.
type DriveCounters struct {
	Commands           uint64 `json:"commands"`
	CheckConditions    uint64 `json:"checkConditions"`
	Loads              uint64 `json:"loads"`
	HostBytesWritten   uint64 `json:"hostBytesWritten"`
	HostBytesRead      uint64 `json:"hostBytesRead"`
	StoredBytesWritten uint64 `json:"storedBytesWritten"`
	StoredBytesRead    uint64 `json:"storedBytesRead"`
	BlocksWritten      uint64 `json:"blocksWritten"`
	BlocksRead         uint64 `json:"blocksRead"`
	Filemarks          uint64 `json:"filemarks"`
	SyncPoints         uint64 `json:"syncPoints"`
}

// DriveStatus asks a drive for its whole state.
func DriveStatus(id int) Endpoint[Empty, DriveStatusReply] {
	return endpoint[Empty, DriveStatusReply](DriveDevice(id), "status")
}
