import { Module } from '@nestjs/common';
import { RequestErasureService } from './request-erasure.service.js';

/** What erasing a client takes from its requests; apart, because clients need it and requests need clients. */
@Module({ providers: [RequestErasureService], exports: [RequestErasureService] })
export class RequestErasureModule {}
