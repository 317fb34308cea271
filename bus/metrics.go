package bus

// What every device counts since its daemon was started, unless a comment says
// otherwise. Counts never fall while a daemon runs.

// MetricsReply is what one device has counted.
type MetricsReply struct {
	Started  string `json:"started"` // RFC 3339
	Version  string `json:"version"`
	Target   string `json:"target"`   // iSCSI name
	Sessions int    `json:"sessions"` // logged in now

	// Bounds are the upper bounds of the durations that CommandMetrics counts, in
	// seconds, ascending.
	Bounds   []float64        `json:"bounds"`
	Commands []CommandMetrics `json:"commands,omitempty"`
	Statuses []StatusMetrics  `json:"statuses,omitempty"`
	Senses   []SenseMetrics   `json:"senses,omitempty"`

	TapeAlert uint64          `json:"tapeAlert"` // flags that are set now, bit n-1 is flag n
	Drive     *DriveMetrics   `json:"drive,omitempty"`
	Library   *LibraryMetrics `json:"library,omitempty"`
	Optical   *OpticalMetrics `json:"optical,omitempty"`
}

// CommandMetrics counts one SCSI command: from when its turn came, with its data,
// until its status.
type CommandMetrics struct {
	Name    string   `json:"name"` // T10's, such as "WRITE(6)"; "unknown" for what is in no table
	Count   uint64   `json:"count"`
	Seconds float64  `json:"seconds"` // all of them together
	Buckets []uint64 `json:"buckets"` // one for each of Bounds, and one for what took longer
}

// StatusMetrics counts commands by their SCSI status.
type StatusMetrics struct {
	Status string `json:"status"` // T10's, such as "CHECK CONDITION"
	Count  uint64 `json:"count"`
}

// SenseMetrics counts commands that ended with CHECK CONDITION.
type SenseMetrics struct {
	Key      uint8  `json:"key"`
	ASC      uint16 `json:"asc"`                // the code in the high byte, the qualifier in the low one
	Name     string `json:"name"`               // T10's text for the code
	KeyName  string `json:"keyName"`            // T10's name of the key
	Deferred bool   `json:"deferred,omitempty"` // the error belongs to an earlier command
	Count    uint64 `json:"count"`
}

// DriveMetrics is what a drive counts, over all its media.
type DriveMetrics struct {
	HostBytesWritten   uint64  `json:"hostBytesWritten"`
	HostBytesRead      uint64  `json:"hostBytesRead"`
	StoredBytesWritten uint64  `json:"storedBytesWritten"` // after compression
	StoredBytesRead    uint64  `json:"storedBytesRead"`
	BlocksWritten      uint64  `json:"blocksWritten"`
	BlocksRead         uint64  `json:"blocksRead"`
	Filemarks          uint64  `json:"filemarks"` // written
	SyncPoints         uint64  `json:"syncPoints"`
	SyncSeconds        float64 `json:"syncSeconds"` // all of them together
	WriteErrors        uint64  `json:"writeErrors"`
	ReadErrors         uint64  `json:"readErrors"`
	Loads              uint64  `json:"loads"`     // in the drive's life
	Cleanings          uint64  `json:"cleanings"` // in the drive's life
	LoadsRefused       uint64  `json:"loadsRefused"`
	Recoveries         uint64  `json:"recoveries"` // of cartridges that had not been closed properly

	Loaded          bool   `json:"loaded"`
	BufferedObjects uint64 `json:"bufferedObjects"` // in the drive buffer, not yet in the file
	BufferedBytes   uint64 `json:"bufferedBytes"`
	BufferSize      uint64 `json:"bufferSize"` // bytes

	// Stale says that the drive was busy for longer than the question could wait:
	// the numbers above are those of the last answer.
	Stale bool `json:"stale,omitempty"`
}

// OpticalMetrics is what an optical drive counts.
type OpticalMetrics struct {
	BytesWritten uint64 `json:"bytesWritten"` // by initiators
	BytesRead    uint64 `json:"bytesRead"`
	WriteErrors  uint64 `json:"writeErrors"`
	ReadErrors   uint64 `json:"readErrors"`
	Loads        uint64 `json:"loads"`
	LoadsRefused uint64 `json:"loadsRefused"`
	Blanks       uint64 `json:"blanks"`
	Formats      uint64 `json:"formats"`
	Closes       uint64 `json:"closes"` // of tracks and sessions

	Loaded   bool  `json:"loaded"`
	Busy     bool  `json:"busy"`     // blanking, formatting or closing
	Readable int64 `json:"readable"` // bytes of the disc
	Free     int64 `json:"free"`     // bytes that can be added to it
}

// LibraryMetrics is what a library counts.
type LibraryMetrics struct {
	Moves       uint64 `json:"moves"`
	MovesFailed uint64 `json:"movesFailed"`
	Imported    uint64 `json:"imported"`
	Exported    uint64 `json:"exported"`
	Reconciled  uint64 `json:"reconciled"` // volumes found elsewhere than expected, or damaged

	Online           bool `json:"online"`
	Slots            int  `json:"slots"`
	SlotsFull        int  `json:"slotsFull"`
	Mail             int  `json:"mail"`
	MailFull         int  `json:"mailFull"`
	Shelf            int  `json:"shelf"`
	Unsettled        int  `json:"unsettled"` // moves that are not settled
	Drives           int  `json:"drives"`
	DrivesReachable  int  `json:"drivesReachable"`
	RemovalPrevented bool `json:"removalPrevented,omitempty"`
}

// Metrics asks a device for what it has counted. It answers also while the device
// is busy.
func Metrics(d Device) Endpoint[Empty, MetricsReply] {
	return endpoint[Empty, MetricsReply](d, "metrics")
}
