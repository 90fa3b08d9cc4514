guarded.o: src/apid/guarded.h src/shared/log.h
src/shared/log.h:
