/* The reference for the wire: the least that libmodbus needs to answer as unit 240 on a serial line. */
#include <modbus/modbus.h>
#include <stdint.h>
#include <stdlib.h>

int main(int count, char **arguments)
{
    if (count != 2) return EXIT_FAILURE;
    modbus_t *line = modbus_new_rtu(arguments[1], 38400, 'N', 8, 1);
    modbus_mapping_t *registers = modbus_mapping_new(0, 0, 65535, 0);
    uint8_t request[MODBUS_RTU_MAX_ADU_LENGTH];
    if (!line || !registers || modbus_set_slave(line, 240) || modbus_connect(line)) return EXIT_FAILURE;
    for (;;) {
        int length = modbus_receive(line, request);
        if (length > 0) modbus_reply(line, request, length, registers);
    }
}
