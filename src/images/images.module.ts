import { Module } from '@nestjs/common';
import { ImagesController } from './images.controller.js';
import { ImagesService } from './images.service.js';
import { RegistryService } from './registry.service.js';

/** Docker images, by their references. */
@Module({
  controllers: [ImagesController],
  providers: [ImagesService, RegistryService],
  exports: [ImagesService],
})
export class ImagesModule {}
