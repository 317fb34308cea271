package personality

import "slices"

// LibraryRoom is how many elements of each type a library can have.
type LibraryRoom struct {
	Transport, ImportExport, DataTransfer, Storage int
}

// Room is how many elements of each type fit between the first element addresses
// of the model: those of a type end where those of the next begin.
func (l *Library) Room() LibraryRoom {
	e := &l.Elements
	starts := []int{int(e.Transport), int(e.ImportExport), int(e.DataTransfer), int(e.Storage), 1 << 16}
	slices.Sort(starts)
	room := func(first uint16) int {
		i := slices.Index(starts, int(first))
		return starts[i+1] - starts[i]
	}
	return LibraryRoom{
		Transport: room(e.Transport), ImportExport: room(e.ImportExport),
		DataTransfer: room(e.DataTransfer), Storage: room(e.Storage),
	}
}
