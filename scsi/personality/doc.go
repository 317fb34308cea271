// Package personality loads the models that the device servers impersonate:
// drives and libraries (models/*.yaml) and media (media/*.yaml). A model picks
// rows, pages, fields and values that exist in Go and never adds behaviour, so a
// new generation needs a file and no code.
//
// A file may name another one as its base and then says only what differs. An
// unknown key, a field that a page does not have and a value that does not fit
// its field are errors that name the file and the place. Models that are only
// bases say "abstract: true".
//
// The models are embedded; an operator's directory with files of the same form
// is searched before them.
package personality
