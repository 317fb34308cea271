package scsi

import "fmt"

// ASC is an additional sense code and its qualifier as the T10 list prints
// them, the code in the high byte.
type ASC uint16

// Additional sense codes, SPC-4 annex D, those that this suite raises. The
// comment is T10's text; String has it from ascText.
const (
	NoAdditionalSense                             ASC = 0x00_00
	FilemarkDetected                              ASC = 0x00_01
	EndOfPartitionOrMediumDetected                ASC = 0x00_02
	BeginningOfPartitionOrMediumDetected          ASC = 0x00_04
	EndOfDataDetected                             ASC = 0x00_05
	ProgrammableEarlyWarningDetected              ASC = 0x00_07
	OperationInProgress                           ASC = 0x00_16
	CleaningRequested                             ASC = 0x00_17
	EraseOperationInProgress                      ASC = 0x00_18
	LocateOperationInProgress                     ASC = 0x00_19
	RewindOperationInProgress                     ASC = 0x00_1A
	NotReadyCauseNotReportable                    ASC = 0x04_00
	BecomingReady                                 ASC = 0x04_01
	InitializingCommandRequired                   ASC = 0x04_02
	ManualInterventionRequired                    ASC = 0x04_03
	FormatInProgress                              ASC = 0x04_04
	OperationInProgressNotReady                   ASC = 0x04_07
	LongWriteInProgress                           ASC = 0x04_08
	AuxiliaryMemoryNotAccessible                  ASC = 0x04_10
	NotReadyOffline                               ASC = 0x04_12
	CommunicationFailure                          ASC = 0x08_00
	WriteError                                    ASC = 0x0C_00
	UnexpectedUnsolicitedData                     ASC = 0x0C_0C
	NotEnoughUnsolicitedData                      ASC = 0x0C_0D
	InvalidFieldInCommandInformationUnit          ASC = 0x0E_03
	LogicalBlockGuardCheckFailed                  ASC = 0x10_01
	UnrecoveredReadError                          ASC = 0x11_00
	AuxiliaryMemoryReadError                      ASC = 0x11_12
	RecordedEntityNotFound                        ASC = 0x14_00
	ParameterListLengthError                      ASC = 0x1A_00
	InvalidCommandOperationCode                   ASC = 0x20_00
	NotInAppendOnlyMode                           ASC = 0x20_0C
	LogicalBlockAddressOutOfRange                 ASC = 0x21_00
	InvalidElementAddress                         ASC = 0x21_01
	InvalidAddressForWrite                        ASC = 0x21_02
	InvalidFieldInCDB                             ASC = 0x24_00
	LogicalUnitNotSupported                       ASC = 0x25_00
	InvalidFieldInParameterList                   ASC = 0x26_00
	ParameterNotSupported                         ASC = 0x26_01
	ParameterValueInvalid                         ASC = 0x26_02
	InvalidReleaseOfPersistentReserv              ASC = 0x26_04
	DataDecryptionKeyFailLimitReached             ASC = 0x26_10
	IncompleteKeyAssociatedDataSet                ASC = 0x26_11
	WriteProtected                                ASC = 0x27_00
	NotReadyToReadyChange                         ASC = 0x28_00
	ImportExportElementAccessed                   ASC = 0x28_01
	PowerOnResetOrBusDeviceReset                  ASC = 0x29_00
	PowerOnOccurred                               ASC = 0x29_01
	BusDeviceResetFunction                        ASC = 0x29_03
	NexusLossOccurred                             ASC = 0x29_07
	ModeParametersChanged                         ASC = 0x2A_01
	LogParametersChanged                          ASC = 0x2A_02
	ReservationsPreempted                         ASC = 0x2A_03
	ReservationsReleased                          ASC = 0x2A_04
	RegistrationsPreempted                        ASC = 0x2A_05
	TimestampChanged                              ASC = 0x2A_10
	DataEncryptionParametersChangedByAnotherNexus ASC = 0x2A_11
	DataEncryptionKeyInstanceCounterHasChanged    ASC = 0x2A_13
	CommandSequenceError                          ASC = 0x2C_00
	NotReserved                                   ASC = 0x2C_0B
	CommandsClearedByAnotherInitiator             ASC = 0x2F_00
	IncompatibleMedium                            ASC = 0x30_00
	UnknownFormat                                 ASC = 0x30_01
	IncompatibleFormat                            ASC = 0x30_02
	CleaningCartridgeInstalled                    ASC = 0x30_03
	CannotWriteMediumIncompatible                 ASC = 0x30_05
	CannotFormatMediumIncompatible                ASC = 0x30_06
	CleaningFailure                               ASC = 0x30_07
	WORMMediumOverwriteAttempted                  ASC = 0x30_0C
	MediumFormatCorrupted                         ASC = 0x31_00
	RoundedParameter                              ASC = 0x37_00
	SavingParametersNotSupported                  ASC = 0x39_00
	MediumNotPresent                              ASC = 0x3A_00
	MediumNotPresentTrayClosed                    ASC = 0x3A_01
	MediumNotPresentTrayOpen                      ASC = 0x3A_02
	MediumNotPresentLoadable                      ASC = 0x3A_03
	MediumNotPresentMAMAccessible                 ASC = 0x3A_04
	SequentialPositioningError                    ASC = 0x3B_00
	PositionPastBeginningOfMedium                 ASC = 0x3B_0C
	MediumDestinationElementFull                  ASC = 0x3B_0D
	MediumSourceElementEmpty                      ASC = 0x3B_0E
	EndOfMediumReached                            ASC = 0x3B_0F
	MediumMagazineNotAccessible                   ASC = 0x3B_11
	DataTransferDeviceRemoved                     ASC = 0x3B_1A
	SelfTestInProgress                            ASC = 0x3E_00
	MicrocodeChanged                              ASC = 0x3F_01
	InquiryDataChanged                            ASC = 0x3F_03
	DeviceIdentifierChanged                       ASC = 0x3F_05
	ReportedLUNsDataChanged                       ASC = 0x3F_0E
	InternalTargetFailure                         ASC = 0x44_00
	SCSIParityError                               ASC = 0x47_00
	ProtocolServiceCRCError                       ASC = 0x47_05
	SomeCommandsCleared                           ASC = 0x47_7F
	OverlappedCommandsAttempted                   ASC = 0x4E_00
	WriteAppendError                              ASC = 0x50_00
	WriteAppendPositionError                      ASC = 0x50_01
	EraseFailure                                  ASC = 0x51_00
	MediaLoadOrEjectFailed                        ASC = 0x53_00
	MediumRemovalPrevented                        ASC = 0x53_02
	InsufficientResources                         ASC = 0x55_03
	InsufficientRegistrationResources             ASC = 0x55_04
	AuxiliaryMemoryOutOfSpace                     ASC = 0x55_06
	OperatorMediumRemovalRequest                  ASC = 0x5A_01
	OperatorSelectedWriteProtect                  ASC = 0x5A_02
	FailurePredictionThresholdExceeded            ASC = 0x5D_00
	IllegalModeForThisTrack                       ASC = 0x64_00
	SessionFixationIncomplete                     ASC = 0x72_03
	NoMoreTrackReservations                       ASC = 0x72_05
	SecurityError                                 ASC = 0x74_00
	UnableToDecryptData                           ASC = 0x74_01
	UnencryptedDataEncountered                    ASC = 0x74_02
	IncorrectDataEncryptionKey                    ASC = 0x74_03
	CryptographicIntegrityValidationFailed        ASC = 0x74_04
	ErrorDecryptingData                           ASC = 0x74_05
	EncryptionParametersNotUseable                ASC = 0x74_07
	EncryptionModeMismatchOnRead                  ASC = 0x74_09
	EncryptedBlockNotRawReadEnabled               ASC = 0x74_0A
	IncorrectEncryptionParameters                 ASC = 0x74_0B
)

// String is T10's text for the code.
func (a ASC) String() string {
	if s, ok := ascText[a]; ok {
		return s
	}
	return fmt.Sprintf("ADDITIONAL SENSE CODE %02Xh/%02Xh", uint8(a>>8), uint8(a))
}
