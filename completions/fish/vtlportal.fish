# fish completion for vtlportal, made of its --help by 'make golden'.

complete -c vtlportal -l config -r -F -d 'configuration FILE'
complete -c vtlportal -l listen -x -d 'iSCSI ADDR, HOST:PORT, in place of the configuration'\''s'
complete -c vtlportal -l state -x -a '(__fish_complete_directories)' -d 'DIR for cartridges, inventory and sockets'
complete -c vtlportal -l verbose -x -d 'log LEVEL: 0 warnings, 1 state changes, 2 debug, 3 everything (default 1)'
complete -c vtlportal -l version -d 'print the version and exit'
