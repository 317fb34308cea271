/*
 * Preloaded into libiscsi's iscsi-test-cu, which will not start its tests on a
 * logical unit without READ CAPACITY(10). A tape drive and a changer refuse that
 * command, as they must; here the refusal becomes a capacity of 1 MiB, so that
 * the tests that are about every device type can run. Nothing else is changed.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>

#include <iscsi/iscsi.h>
#include <iscsi/scsi-lowlevel.h>

typedef struct scsi_task *(*command_fn)(struct iscsi_context *, int, struct scsi_task *, struct iscsi_data *);

struct scsi_task *iscsi_scsi_command_sync(struct iscsi_context *iscsi, int lun, struct scsi_task *task,
					  struct iscsi_data *out)
{
	/* RETURNED LOGICAL BLOCK ADDRESS 2047, BLOCK LENGTH IN BYTES 512 */
	static const unsigned char capacity[] = {0x00, 0x00, 0x07, 0xff, 0x00, 0x00, 0x02, 0x00};
	command_fn next = (command_fn)dlsym(RTLD_NEXT, "iscsi_scsi_command_sync");
	int is_read_capacity = task->cdb[0] == 0x25;

	task = next(iscsi, lun, task, out);
	if (!is_read_capacity || !task || task->status != SCSI_STATUS_CHECK_CONDITION ||
	    task->sense.key != SCSI_SENSE_ILLEGAL_REQUEST)
		return task;
	task->datain.data = realloc(task->datain.data, sizeof capacity);
	task->datain.size = sizeof capacity;
	memcpy(task->datain.data, capacity, sizeof capacity);
	memset(&task->sense, 0, sizeof task->sense);
	task->residual_status = SCSI_RESIDUAL_NO_RESIDUAL;
	task->residual = 0;
	task->status = SCSI_STATUS_GOOD;
	return task;
}
