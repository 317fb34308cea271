# fish completion for vtlcmd, made of its --help by 'make golden'.

complete -c vtlcmd -l config -r -F -d 'configuration FILE'
complete -c vtlcmd -l help -s h -d 'print this text and exit'
complete -c vtlcmd -l json -d 'print replies as JSON'
complete -c vtlcmd -l listen -x -d 'iSCSI ADDR, HOST:PORT, in place of the configuration'\''s'
complete -c vtlcmd -l state -x -a '(__fish_complete_directories)' -d 'DIR for cartridges, inventory and sockets'
complete -c vtlcmd -l timeout -x -d 'give up on a daemon after so many SECONDS (default 10; moves and loads 120)'
complete -c vtlcmd -l verbose -x -d 'log LEVEL: 0 warnings, 1 state changes, 2 debug, 3 everything (default 1)'
complete -c vtlcmd -l version -s V -d 'print the version and exit'

function __vtl_vtlcmd_words
	set -l typed
	set -l skip 0
	for word in (commandline -opc)[2..-1]
		if test $skip = 1
			set skip 0
		else if contains -- $word --config --listen --state --timeout --verbose
			set skip 1
		else if not string match -q -- '-*' $word
			set -a typed (string lower -- $word)
		end
	end
	for usage in 'up' \
		'status' \
		'doctor' \
		'check [FILE]' \
		'watch' \
		'events [WHAT...]' \
		'attach [NUMBER...]' \
		'detach [NUMBER...]' \
		'support-bundle [FILE]' \
		'reload' \
		'daemons' \
		'add library MODEL [ID]' \
		'remove library ID' \
		'add drive MODEL [ID]' \
		'remove drive ID' \
		'import-mhvtl [DIR]' \
		'@ status' \
		'@ inventory' \
		'@ online' \
		'@ offline' \
		'@ open map' \
		'@ close map' \
		'@ list map' \
		'@ empty map' \
		'@ load map BARCODE' \
		'@ move FROM...' \
		'@ add slot [N]' \
		'@ remove slot [N]' \
		'@ add map [N]' \
		'@ remove map [N]' \
		'@ add drive [MODEL] [ID]' \
		'@ remove drive ID' \
		'@ add disc BARCODES MEDIUM [SIDES]' \
		'@ add media BARCODES [KIND]' \
		'@ remove media BARCODES' \
		'@ load BARCODE' \
		'@ unload [BARCODE]' \
		'@ status' \
		'@ append only yes|no|on|off' \
		'@ compression adaptive|lz4|s2|zstd|off|lzo|zlib' \
		'@ delay load|unload|rewind|position|thread SECONDS' \
		'@ dump' \
		'@ TapeAlert HEX' \
		'@ InquiryDataChange' \
		'@ verbose [N]' \
		'@ debug' \
		'@ sessions' \
		'@ events [WHAT...]' \
		'@ reload' \
		'@ exit'
		set -l tokens (string split ' ' -- $usage)
		set -l fits 1
		for word in $typed
			if test (count $tokens) = 0
				set fits 0
				break
			end
			set -l token (string trim -c '[]' -- $tokens[1])
			set -e tokens[1]
			if test $token = @
				string match -qr '^([0-9]+|library|drive)$' -- $word; or set fits 0
			else if string match -q '*...' -- $token
				set tokens $token
			else if test $token != (string upper -- $token)
				contains -- $word (string split '|' -- (string lower -- $token)); or set fits 0
			end
			test $fits = 1; or break
		end
		if test $fits = 1 -a (count $tokens) != 0
			set -l token (string trim -c '[]' -- $tokens[1])
			if test $token = @
				printf '%s\n' library drive
			else if not string match -q '*...' -- $token; and test $token != (string upper -- $token)
				string split '|' -- $token
			end
		end
	end
end
complete -c vtlcmd -f -a '(__vtl_vtlcmd_words)'
