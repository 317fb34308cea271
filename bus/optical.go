package bus

// OpticalDevice names optical drive id.
func OpticalDevice(id int) Device { return Device{Kind: Optical, ID: id} }

// DiscRequest puts a disc into an optical drive: the image's file, absolute or in
// the drive's home directory. With a medium, such as "dvd-rw", a blank disc of
// that kind is made; the file must not be there yet.
type DiscRequest struct {
	File   string `json:"file"`
	Medium string `json:"medium,omitempty"`
}

// DiscReply names the disc that was loaded or unloaded.
type DiscReply struct {
	File   string `json:"file,omitempty"`
	Medium string `json:"medium,omitempty"`
}

// OpticalLoad puts a disc into a drive and takes out what is in it. It fails
// with CodeRefused (removal prevented, busy) and CodeVolume.
func OpticalLoad(id int) Endpoint[DiscRequest, DiscReply] {
	return endpoint[DiscRequest, DiscReply](OpticalDevice(id), "load")
}

// OpticalUnload takes the disc out. It fails with CodeDriveEmpty and CodeRefused.
func OpticalUnload(id int) Endpoint[Empty, DiscReply] {
	return endpoint[Empty, DiscReply](OpticalDevice(id), "unload")
}

// OpticalOnline gives the disc to initiators, or takes it away from them: then
// they see an empty drive.
func OpticalOnline(id int) Endpoint[SwitchRequest, Empty] {
	return endpoint[SwitchRequest, Empty](OpticalDevice(id), "online")
}

// OpticalInsert is how a library loads an optical drive; see DriveInsert. The
// volume's Dir is the image of its first side.
func OpticalInsert(id int) Endpoint[InsertRequest, Empty] {
	return endpoint[InsertRequest, Empty](OpticalDevice(id), "insert")
}

// OpticalRemove is how a library empties an optical drive; see DriveRemove. It
// fails with CodeRefused also while the drive blanks, formats or closes a disc.
func OpticalRemove(id int) Endpoint[RemoveRequest, Empty] {
	return endpoint[RemoveRequest, Empty](OpticalDevice(id), "remove")
}

// OpticalState asks an optical drive what it holds.
func OpticalState(id int) Endpoint[Empty, DriveHolds] {
	return endpoint[Empty, DriveHolds](OpticalDevice(id), "state")
}

// OpticalStatusReply is the state of an optical drive for people and programs.
type OpticalStatusReply struct {
	ID      int    `json:"id"`
	Model   string `json:"model"`
	Serial  string `json:"serial"`
	Target  string `json:"target"` // iSCSI name
	PID     int    `json:"pid"`
	Started string `json:"started"` // RFC 3339
	Version string `json:"version"`

	Library int        `json:"library,omitempty"` // 0: stand-alone
	Element int        `json:"element,omitempty"` // from 1
	Holds   DriveHolds `json:"holds"`

	State     string    `json:"state"` // empty, blank, appendable, closed, formatted, offline ...
	File      string    `json:"file,omitempty"`
	Medium    string    `json:"medium,omitempty"`
	Closed    int       `json:"closedSessions,omitempty"`
	Tracks    int       `json:"tracks,omitempty"`
	Readable  int64     `json:"readable"` // bytes
	Free      int64     `json:"free"`     // bytes
	Prevented bool      `json:"removalPrevented,omitempty"`
	Sessions  []Session `json:"sessions,omitempty"` // iSCSI
}

// OpticalStatus asks an optical drive for its whole state.
func OpticalStatus(id int) Endpoint[Empty, OpticalStatusReply] {
	return endpoint[Empty, OpticalStatusReply](OpticalDevice(id), "status")
}
